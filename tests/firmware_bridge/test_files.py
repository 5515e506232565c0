"""What lies at a path is read whole, or refused in a sentence where it has no end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli.people.users import users
from firmware_bridge.errors import InkgateError
from firmware_bridge.files import read_file


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_file(path, 4)


@pytest.mark.parametrize("endless", ["/dev/zero", "/dev/full"])
@pytest.mark.parametrize("option", ["--roster", "--bundle"])
def test_a_device_without_end_is_refused_in_a_sentence(option: str, endless: str) -> None:
    result = CliRunner().invoke(users, ["list", option, endless])
    assert isinstance(result.exception, InkgateError), result.output
    assert endless in str(result.exception)


@pytest.mark.parametrize("command", ["--roster", "--bundle", "--from"])
def test_a_pipe_is_refused_at_once_where_a_file_is_read(command: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="a pipe or a device, not a file"):
        read_file(pipe)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    bundle = pipe if command == "--bundle" else "ready"
    asked = ["--bundle", bundle] if command == "--bundle" else ["--bundle", bundle, "--roster", tmp_path / "roster"]
    if command == "--roster":
        asked = ["--bundle", bundle, "--roster", pipe]
    name = ["add", "Ada", "--from", pipe] if command == "--from" else ["list"]
    environment = {**os.environ, "INKGATE_ROSTER_KEYS": str(tmp_path / "keys")}
    arguments = [sys.executable, "-m", "inkgate", "users", *map(str, [*name, *asked])]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert f"error: {pipe}: " in done.stderr
