"""A roster's file: nobody reads it without its key, nobody changes a bit of it, and no kill spoils it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from enrolments import NETWORK, make_material, make_user, told

from edge.errors import (
    ForeignRosterError,
    RosterAlteredError,
    RosterError,
    RosterKeyError,
    RosterOlderError,
    RosterRefusedError,
    UserError,
)
from edge.roster.keys import FileKeys
from edge.roster.roster import Roster
from edge.roster.roster_file import RosterFile, roster_beside
from edge.roster.versions import Versions
from firmware_bridge.errors import ExitCode, UnwritableError
from firmware_bridge.trust.errors import KeyExposedError, KeyStoreError


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path / "keys")


@pytest.fixture
def file(tmp_path: Path, keys: FileKeys) -> RosterFile:
    (tmp_path / "gate").mkdir()
    return RosterFile(tmp_path / "gate" / "bundle.roster", NETWORK, keys)


def add(file: RosterFile, name: str, seed: int = 0) -> Roster:
    return file.change(lambda roster: roster.add(make_user(name, seed)))


def test_without_a_file_nobody_is_enrolled_and_nothing_is_made(file: RosterFile, keys: FileKeys) -> None:
    assert told(file.load()) == told(Roster())
    assert not file.path.exists()
    assert not keys.folder.exists()


def test_what_is_written_is_read_and_the_version_only_grows(file: RosterFile) -> None:
    versions = []
    for seed, name in enumerate(["Ada", "Ben"]):
        written = add(file, name, seed)
        assert told(file.load()) == told(written)
        versions.append(written.version)
    written = file.change(lambda roster: roster.add_visitor(make_material(5)))
    assert told(file.load()) == told(written)
    assert [*versions, written.version, file.change(lambda r: r.remove("Ada")).version] == [1, 2, 3, 4]


@pytest.mark.slow("thousands of files are written and read")
def test_every_flipped_bit_of_the_file_is_refused(file: RosterFile) -> None:
    written = file.change(lambda roster: roster.add(make_user("Ada", writings=3, symbols=1)))
    sound = file.path.read_bytes()
    for bit in range(8 * len(sound)):
        flipped = bytearray(sound)
        flipped[bit // 8] ^= 1 << bit % 8
        file.path.write_bytes(flipped)
        with pytest.raises(RosterRefusedError) as caught:
            file.load()
        assert caught.value.exit_code == ExitCode.REFUSED
        assert str(file.path) in str(caught.value)
    file.path.write_bytes(sound)
    assert told(file.load()) == told(written)


@pytest.mark.parametrize("length", [0, 1, 8, 85, 86, 87, 101, 102, -17, -16, -1])
def test_a_file_that_was_cut_off_or_grew_is_refused(file: RosterFile, length: int) -> None:
    add(file, "Ada")
    sound = file.path.read_bytes()
    for content in (sound[:length], sound + sound[:length] if length else sound + b"\0"):
        file.path.write_bytes(content)
        with pytest.raises(RosterAlteredError):
            file.load()
        with pytest.raises(RosterAlteredError):
            add(file, "Eve")
        assert file.path.read_bytes() == content


def test_a_roster_without_its_key_is_refused_in_a_sentence(file: RosterFile, tmp_path: Path) -> None:
    add(file, "Ada")
    elsewhere = RosterFile(file.path, NETWORK, FileKeys(tmp_path / "other machine"))
    for act in (elsewhere.load, lambda: add(elsewhere, "Eve")):
        with pytest.raises(RosterKeyError, match="no key for it on this machine: it was copied") as caught:
            act()
        assert caught.value.exit_code == ExitCode.REFUSED
    assert told(file.load())[1]


def test_the_roster_of_another_network_is_refused_and_said_so(file: RosterFile, keys: FileKeys) -> None:
    add(file, "Ada")
    other = RosterFile(file.path, bytes(32), keys)
    for act in (other.load, lambda: add(other, "Eve")):
        with pytest.raises(ForeignRosterError, match="another network") as caught:
            act()
        assert caught.value.exit_code == ExitCode.REFUSED


def test_a_roster_cannot_be_passed_off_as_that_of_another_network(file: RosterFile, keys: FileKeys) -> None:
    add(file, "Ada")
    other = bytes(reversed(NETWORK))
    file.path.write_bytes(file.path.read_bytes().replace(NETWORK, other))
    with pytest.raises(RosterAlteredError):
        RosterFile(file.path, other, keys).load()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_an_exposed_key_is_refused(file: RosterFile, keys: FileKeys, mode: int) -> None:
    add(file, "Ada")
    (path,) = keys.folder.glob("*.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    path.chmod(mode)
    with pytest.raises(KeyExposedError, match="chmod go=") as caught:
        file.load()
    assert caught.value.exit_code == ExitCode.REFUSED
    path.chmod(0o600)
    keys.folder.chmod(0o755)
    with pytest.raises(KeyExposedError):
        add(file, "Ben")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": ["00"]}', b'{"keys": ["zz"]}', b'{"keys": [1]}'])
def test_a_damaged_key_is_named_and_not_shown(file: RosterFile, keys: FileKeys, content: bytes) -> None:
    add(file, "Ada")
    (path,) = keys.folder.glob("*.key")
    path.write_bytes(content)
    with pytest.raises(KeyStoreError, match=str(path)):
        file.load()


def test_the_file_says_nothing_in_clear_and_is_its_owners_alone(file: RosterFile) -> None:
    user = make_user("Adalbert", pin="314159")
    file.change(lambda roster: roster.add(user))
    content = file.path.read_bytes()
    for secret in (b"Adalbert", b"314159", b"desk-pen", user.features[:2].tobytes(), user.readings[:1].tobytes()):
        assert secret not in content
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_nonce_and_key_are_new_at_each_writing(file: RosterFile, keys: FileKeys) -> None:
    nonces, used = set(), set()
    for _ in range(5):
        file.change(lambda roster: roster)
        nonces.add(file.path.read_bytes()[74:86])
        (path,) = keys.folder.glob("*.key")
        used.add(path.read_bytes())
    assert len(nonces) == len(used) == 5


def test_a_removed_user_is_nowhere_any_more_and_an_older_copy_opens_for_nobody(
    file: RosterFile, keys: FileKeys, tmp_path: Path
) -> None:
    add(file, "Ben", 2)
    gone = add(file, "Ada", 1).get("Ada")
    kept, old_keys = file.path.read_bytes(), [path.read_bytes() for path in keys.folder.glob("*.key")]
    (old_key,) = [bytes.fromhex(content.split(b'"')[3].decode()) for content in old_keys]
    file.change(lambda roster: roster.remove("Ada"))
    assert [user.name for user in file.load().users] == ["Ben"]
    present = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    piece = 24
    for content in present.values():
        assert gone.features.tobytes()[:piece] not in content
        assert old_key not in content
        assert old_key.hex().encode() not in content
        assert not any(kept[at : at + piece] in content for at in range(86, len(kept) - piece, piece))
    file.path.write_bytes(kept)
    with pytest.raises(RosterKeyError, match="older copy, put back") as caught:
        file.load()
    assert caught.value.exit_code == ExitCode.REFUSED


def test_an_older_copy_is_refused_though_its_key_was_put_back_with_it(
    file: RosterFile, keys: FileKeys, tmp_path: Path
) -> None:
    add(file, "Ada")
    for source, copy in ((file.path.parent, "gate0"), (keys.folder, "keys0")):
        shutil.copytree(source, tmp_path / copy)
    file.change(lambda roster: roster.remove("Ada"))
    for source, copy in ((file.path.parent, "gate0"), (keys.folder, "keys0")):
        shutil.rmtree(source)
        shutil.copytree(tmp_path / copy, source)
    for act in (file.load, lambda: add(file, "Eve")):
        with pytest.raises(RosterOlderError, match="its version is 1, and 2 was seen here") as caught:
            act()
        assert caught.value.exit_code == ExitCode.REFUSED
    shutil.rmtree(Versions().folder)
    assert [user.name for user in file.load().users] == ["Ada"]  # it was the version alone that refused it


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version": "2"}'])
def test_a_damaged_version_opens_no_gate(file: RosterFile, content: bytes) -> None:
    add(file, "Ada")
    (path,) = Versions().folder.glob("*.version")
    path.write_bytes(content)
    with pytest.raises(KeyStoreError, match=path.name):
        file.load()


def test_a_change_that_fails_changes_nothing(file: RosterFile, monkeypatch: pytest.MonkeyPatch) -> None:
    written = add(file, "Ada")
    content = file.path.read_bytes()
    with pytest.raises(UserError):
        add(file, "Ada")
    assert file.path.read_bytes() == content

    real = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().parent == file.path.parent:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnwritableError, match="cannot be written: No space left"):
        add(file, "Ben")
    monkeypatch.undo()
    assert file.path.read_bytes() == content
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    assert told(file.load()) == told(written)
    assert add(file, "Ben").version == 2


def test_a_folder_is_made_and_one_that_cannot_be_made_is_named(tmp_path: Path, keys: FileKeys) -> None:
    assert add(RosterFile(tmp_path / "new" / "a.roster", NETWORK, keys), "Ada").version == 1
    with pytest.raises(RosterError, match=r"new/a\.roster"):
        add(RosterFile(tmp_path / "new" / "a.roster" / "b.roster", NETWORK, keys), "Ada")
    with pytest.raises(RosterError, match="cannot be read"):
        RosterFile(tmp_path, NETWORK, keys).load()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from enrolments import NETWORK, make_user
from edge.roster.keys import FileKeys
from edge.roster.roster_file import RosterFile
left = int(sys.argv[3])
def dying(function):
    def call(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call
for name in ("fsync", "open", "rename", "replace", "unlink", "close"):
    setattr(os, name, dying(getattr(os, name)))
file = RosterFile(Path(sys.argv[1]), NETWORK, FileKeys(Path(sys.argv[2])))
file.change(lambda roster: roster.remove("Ada"))
"""


@pytest.mark.slow("a process for each call at which one can be killed")
def test_a_kill_before_any_call_leaves_the_old_file_or_the_new_one(
    file: RosterFile, keys: FileKeys, tmp_path: Path
) -> None:
    add(file, "Ada", 1)
    old = add(file, "Ben", 2)
    places = ((file.path.parent, "gate0"), (keys.folder, "keys0"), (Versions().folder, "versions0"))
    for source, copy in places:
        shutil.copytree(source, tmp_path / copy)
    code = KILLED.format(paths=[*sys.path])
    outcomes = set()
    for calls in range(100):
        for source, copy in places:
            shutil.rmtree(source)
            shutil.copytree(tmp_path / copy, source)
        command = [sys.executable, "-c", code, str(file.path), str(keys.folder), str(calls)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = file.load()
        assert told(found) == told(old) or ([u.name for u in found.users], found.version) == (["Ben"], 3), done.stderr
        outcomes.add((done.returncode, len(found.users)))
        assert add(file, "Cleo", 3).version == found.version + 1  # it can be written again
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert {(-signal.SIGKILL, 2), (-signal.SIGKILL, 1), (0, 1)} == outcomes


ADDING = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from enrolments import NETWORK, make_user
from edge.roster.keys import FileKeys
from edge.roster.roster_file import RosterFile
file = RosterFile(Path(sys.argv[1]), NETWORK, FileKeys(Path(sys.argv[2])))
for n in range(8):
    file.change(lambda roster: roster.add(make_user(f"{{sys.argv[3]}} {{n}}", n)))
"""


def test_users_added_by_several_processes_at_once_are_all_there(file: RosterFile, keys: FileKeys) -> None:
    code = ADDING.format(paths=[*sys.path])
    command = [sys.executable, "-c", code, str(file.path), str(keys.folder)]
    running = [subprocess.Popen([*command, name]) for name in ("Ada", "Ben", "Cleo")]
    assert [process.wait() for process in running] == [0, 0, 0]
    roster = file.load()
    assert roster.version == 24
    expected = {f"{name} {n}" for name in ("Ada", "Ben", "Cleo") for n in range(8)}
    assert {user.name for user in roster.users} == expected


def test_a_roster_that_is_replaced_while_it_is_read_is_not_taken_for_an_older_copy(
    file: RosterFile, keys: FileKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(file, "Ada")
    names, get = ["Ben", "Cleo"], keys.get

    def late(roster: bytes) -> tuple[bytes, ...]:
        if names:
            name = names.pop()
            monkeypatch.setattr(keys, "get", get)
            add(RosterFile(file.path, NETWORK, FileKeys(keys.folder)), name)
            monkeypatch.setattr(keys, "get", late)
        return get(roster)

    monkeypatch.setattr(keys, "get", late)
    assert [user.name for user in file.load().users] == ["Ada", "Cleo", "Ben"]


def test_a_thousand_users_load_in_a_second(file: RosterFile, record_property: Callable[[str, object], None]) -> None:
    users = tuple(make_user(f"user {n}", n, writings=5, symbols=12) for n in range(1000))
    file.change(lambda roster: Roster(users, (), roster.version))
    times = []
    for _ in range(3):
        begun = time.process_time()
        roster = file.load()
        times.append(time.process_time() - begun)
    record_property("measured", f"roster of 1,000 users of 60 fragments: loaded in {min(times) * 1000:.0f} ms (1000)")
    assert len(roster.users) == 1000
    assert min(times) < 1.0


def test_a_roster_lies_beside_its_bundle_and_stays_with_a_link_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "current").symlink_to("bundle")
    for given in ("bundle", "bundle/", str(tmp_path / "bundle")):
        assert roster_beside(tmp_path / given) == tmp_path / "bundle.roster"
    assert roster_beside(tmp_path / "current") == tmp_path / "current.roster"
    monkeypatch.chdir(tmp_path / "bundle")
    assert roster_beside(Path()) == roster_beside(Path("../bundle/.")).resolve() == tmp_path / "bundle.roster"


def test_keys_are_kept_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKGATE_ROSTER_KEYS", str(tmp_path / "there"))
    assert FileKeys().folder == tmp_path / "there"
    monkeypatch.delenv("INKGATE_ROSTER_KEYS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert FileKeys().folder == tmp_path / "inkgate" / "rosters"


def test_a_roster_is_written_where_a_link_leads_and_the_link_stays(file: RosterFile, keys: FileKeys) -> None:
    link = RosterFile(file.path.with_name("link.roster"), NETWORK, keys)
    link.path.symlink_to(file.path)
    for number, each in enumerate((link, file, link)):
        each.require_writable()
        add(each, f"u{number}", number)
    assert link.path.is_symlink()
    assert told(file.load()) == told(link.load())
    assert len(file.load().users) == 3


def test_where_no_roster_can_be_written_that_is_known_before(tmp_path: Path, keys: FileKeys) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableError, match=r"cannot be written: .*--roster"):
        RosterFile(tmp_path / "file" / "in.roster", NETWORK, keys).require_writable()
    keys.folder.chmod(0o755)
    with pytest.raises(KeyExposedError):
        RosterFile(tmp_path / "x.roster", NETWORK, keys).require_writable()


def test_what_is_refused_says_what_to_do(file: RosterFile) -> None:
    file.path.write_bytes(b"no roster")
    for tried in (file.load, lambda: add(file, "Ada")):
        with pytest.raises(RosterAlteredError, match=r"name another \(--roster\), or move it away"):
            tried()
