"""This machine's Debian -> a copy of it in which a package may be installed: an overlay that leaves no trace."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOUNT = """
set -e
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/upper" "$1/work" "$1/whole"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/whole"
mount -t proc proc "$1/whole/proc"
mount --rbind /dev "$1/whole/dev"
echo ready
exec cat
"""


class SpareDebian:
    """A file system above this machine's own, in a mount namespace that ends with the process `holder`."""

    def __init__(self, holder: int, folder: Path) -> None:
        self._inside = ("nsenter", "-t", str(holder), "-m", "sh", "-c", 'cd "$0"; exec "$@"', str(folder))

    def run(self, script: str, stdin: bytes = b"", fails: bool = False) -> str:
        """Run a script of sh as root there and return what it prints; unless it may fail it must succeed."""
        return self._run(("chroot", "whole", "sh", "-ec", f"cd /; {script}"), stdin, fails)

    def put(self, source: Path, path: str) -> None:
        """Copy a file of this machine to a path there."""
        self.run(f"cat > {path}", source.read_bytes())

    def changed(self) -> set[str]:
        """Return every path that differs from this machine's, folders that it has as well left out."""
        script = 'cd upper; find . -mindepth 1 | while read -r p; do [ -d "$p" -a -d "/$p" ] || echo "${p#.}"; done'
        return set(self._run(("sh", "-ec", script), b"", False).splitlines())

    def _run(self, command: tuple[str, ...], stdin: bytes, fails: bool) -> str:
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
        done = subprocess.run([*self._inside, *clean, *command], input=stdin, capture_output=True, check=False)
        said = done.stdout.decode() + done.stderr.decode()
        assert fails or done.returncode == 0, said
        return said


@contextmanager
def spare_debian(folder: Path) -> Iterator[SpareDebian]:
    """Give a spare Debian whose changes are kept in `folder`; skip where none can be had, saying why."""
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", MOUNT, "sh", folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"no spare file system to install in (it takes root): {holder.stderr.read().strip()}")
        yield SpareDebian(holder.pid, folder)
    finally:
        holder.stdin.close()
        holder.wait(10)
