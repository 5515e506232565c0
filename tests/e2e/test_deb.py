"""The Debian package: installed, a user enrolled and let in, purged without a trace.

Skipped, aloud, without dpkg-deb, without a network for pip, and where no spare file system can be mounted.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import require_packages
from spare_debian import SpareDebian, spare_debian

from train.synthetic.writers import synthetic_set

pytestmark = [
    pytest.mark.slow("makes a package of the gate and all that it needs, and installs it"),
    pytest.mark.needs("dpkg-deb", "unshare"),
]

SCRIPT = Path(__file__).parents[2] / ".ci" / "deb"
OF_DPKG = ("/var/lib/dpkg", "/var/log/", "/var/cache/", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
           "/etc/subuid", "/etc/subgid", "/etc/.pwd.lock", "/run/adduser")  # fmt: skip
"""What dpkg and adduser write anew, whatever came and went."""
ACCOUNTS = "cat /etc/passwd /etc/group"
AS_GATE = "runuser -u inkgate -- env HOME=/var/lib/inkgate "


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("package")
    require_packages(out / "probe")
    environment = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "none"}
    made = subprocess.run(
        [sys.executable, SCRIPT, "--out", out], env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert not (out / "deb").exists(), "what it was made from is left behind"
    return next(out.glob("inkgate_*_*.deb"))


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpareDebian]:
    with spare_debian(tmp_path_factory.mktemp("spare")) as debian:
        yield debian


def said_by_dpkg(package: Path, *question: str) -> str:
    command = ["dpkg-deb", question[0], package, *question[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_package_asks_for_the_python_that_its_environment_is_made_for(package: Path) -> None:
    listed = said_by_dpkg(package, "--contents")
    needed = [each.strip() for each in said_by_dpkg(package, "--field", "Depends").split(",")]
    (python,) = (each for each in needed if each.startswith("python3."))
    assert f"/opt/inkgate/bin/{python} -> /usr/bin/{python}" in listed
    assert f"/opt/inkgate/lib/{python}/site-packages/inkgate.py" in listed
    assert f"/{python}/site-packages/tensorflow" not in listed
    assert "__pycache__" not in listed
    assert "/usr/lib/systemd/system/inkgate.service" in listed
    assert "./etc/inkgate.toml" in listed
    assert said_by_dpkg(package, "--info", "conffiles") == "/etc/inkgate.toml\n"
    assert {"root/root"} == {line.split()[1] for line in listed.splitlines()}


def test_a_user_enrols_at_a_virtual_board_and_enters_and_a_purge_leaves_nothing(
    package: Path, spare: SpareDebian, tmp_path: Path
) -> None:
    accounts = spare.run(ACCOUNTS)
    already = spare.changed()
    spare.put(package, "/inkgate.deb")
    for name, writers, seed in (("people", 4, 9), ("visitors", 8, 10)):
        synthetic_set(writers, 60, seed=seed).of_kind("pen").save(tmp_path / f"{name}.npz")
        spare.put(tmp_path / f"{name}.npz", f"/{name}.npz")
    spare.run("chmod a+r /*.npz; dpkg --install /inkgate.deb")

    assert "inkgate, version" in spare.run("inkgate --version")
    assert "golden" in spare.run(f"{AS_GATE} inkgate doctor", fails=True)
    assert "dialout" in spare.run("id -nG inkgate")
    assert spare.run("stat -c '%U %a' /var/lib/inkgate").strip() == "inkgate 700"
    assert spare.run("dpkg --verify inkgate") == ""
    assert "_INKGATE_COMPLETE" in spare.run("cat /usr/share/bash-completion/completions/inkgate")
    rules = spare.run("cat /usr/lib/udev/rules.d/60-inkgate.rules").splitlines()
    devices = [line for line in rules if "idVendor" in line]
    assert len(devices) > 10
    assert all(line.endswith('GROUP="dialout", MODE="0660", TAG+="uaccess"') for line in devices)
    assert "inkgate-run" in spare.run("zcat /usr/share/man/man1/inkgate.1.gz").replace("\\-", "-")

    spare.run(f"{AS_GATE} inkgate calibrate --from /visitors.npz")
    spare.run(f"{AS_GATE} inkgate users add ada --from /people.npz --writer 0")
    decided = spare.run(
        f"{AS_GATE} inkgate simulate pen --dataset /people.npz --writer 0 --link /var/lib/inkgate/pen >/dev/null 2>&1 &"
        "sleep 5;"
        f"{AS_GATE} inkgate run --port /var/lib/inkgate/pen --words 2; kill $!"
    )
    assert "ACCEPT ada" in " ".join(decided.split())
    assert "Traceback" not in decided

    spare.run("echo 'port = \"/var/lib/inkgate/pen\"' >> /etc/inkgate.toml")
    port = next(line for line in spare.run(f"{AS_GATE} inkgate config show").splitlines() if line[:5] == "port ")
    assert port.split() == ["port", "/var/lib/inkgate/pen", "(/etc/inkgate.toml)"]

    unit = spare.run("cat /usr/lib/systemd/system/inkgate.service")
    assert "ExecStart=/usr/bin/inkgate " in unit
    assert spare.run("ls /etc/systemd/system/*/inkgate.service", fails=True).startswith("ls: cannot access")
    spare.run("systemctl enable inkgate.service")
    spare.run("dpkg --purge inkgate; rm /inkgate.deb /people.npz /visitors.npz")
    assert spare.run(ACCOUNTS) == accounts
    assert {path for path in spare.changed() - already if not path.startswith(OF_DPKG)} == set()
