"""The store of board keys: who may read it, what it holds after a crash, which names it takes."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.trust import private_folder
from firmware_bridge.trust.board_keys import BoardKey, KeyStore
from firmware_bridge.trust.errors import BoardKeyExposedError, KeyDamagedError, KeyStoreError
from firmware_bridge.trust.folder import board_keys_folder

KEY = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "a" / "keys")


def test_a_store_that_was_never_written_is_empty_and_stays_unmade(store: KeyStore) -> None:
    assert store.load() == {}
    assert store.get("pen-1") is None
    assert not store.folder.exists()


def test_what_is_put_is_read_by_its_owner_alone(store: KeyStore) -> None:
    store.put("pen-1", KEY, 7)
    assert store.load() == {"pen-1": BoardKey(KEY, 7)}
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=32), st.binary(min_size=32, max_size=32))
def test_any_name_that_the_wire_can_carry_is_a_file_in_the_folder_and_comes_back(name: str, key: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = KeyStore(Path(folder) / "keys")
        store.put(name, key, 1)
        store.put("another board, of a longer name than any on the wire", KEY, 2)
        assert store.load() == {
            name: BoardKey(key, 1),
            "another board, of a longer name than any on the wire": BoardKey(KEY, 2),
        }
        assert [path.name for path in Path(folder).iterdir()] == ["keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_key_that_others_could_read_or_change_is_refused_with_the_command_that_helps(
    store: KeyStore, mode: int
) -> None:
    store.put("pen-1", KEY)
    (path,) = store.folder.glob("*.key")
    path.chmod(mode)
    for look in (store.load, lambda: store.get("pen-1"), lambda: store.note("pen-1", 3)):
        with pytest.raises(BoardKeyExposedError, match="chmod go=") as caught:
            look()
        assert caught.value.exit_code == 4


def test_a_folder_that_others_could_enter_is_refused(store: KeyStore) -> None:
    store.put("pen-1", KEY)
    store.folder.chmod(0o755)
    for act in (store.load, lambda: store.put("pen-2", KEY), lambda: store.start_board("pen-2")):
        with pytest.raises(BoardKeyExposedError):
            act()


def test_a_key_of_another_user_is_refused(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("pen-1", KEY)
    monkeypatch.setattr("os.geteuid", lambda: store.folder.stat().st_uid + 1)
    if store.folder.stat().st_uid == 0:
        monkeypatch.setattr(private_folder, "_ROOT", -1)
    with pytest.raises(BoardKeyExposedError, match="another user"):
        store.load()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"key": "00", "session": 1}',
        b'{"key": "' + 32 * b"zz" + b'", "session": 1}',
        b'{"key": "' + 32 * b"00" + b'", "session": -1}',
        b'{"key": "' + 32 * b"00" + b'", "session": 4294967296}',
        b'{"key": "' + 32 * b"00" + b'", "session": 1, "more": 2}',
    ],
)
def test_a_damaged_key_is_named_and_no_key_is_shown(store: KeyStore, content: bytes) -> None:
    store.put("pen-1", KEY)
    (path,) = store.folder.glob("*.key")
    path.write_bytes(content)
    store.put("pen-2", KEY)
    with pytest.raises(KeyDamagedError, match=str(path)) as caught:
        store.get("pen-1")
    assert "0000" not in str(caught.value)
    assert "provision the board anew" in str(caught.value)
    assert store.load() == {"pen-2": BoardKey(KEY)}  # the others are known all the same


def test_a_key_is_not_shown_where_a_value_is_printed() -> None:
    assert KEY.hex() not in repr(BoardKey(KEY, 1))
    assert repr(KEY) not in repr(BoardKey(KEY, 1))


def test_a_counter_only_counts_up(store: KeyStore) -> None:
    store.put("pen-1", KEY, 5)
    for seen, kept in ((4, 5), (5, 5), (9, 9), (6, 9)):
        store.note("pen-1", seen)
        assert store.get("pen-1") == BoardKey(KEY, kept)
    store.note("nobody", 3)
    assert store.get("nobody") is None


def test_a_board_that_provisions_itself_keeps_its_key_and_never_starts_twice_with_one_session(store: KeyStore) -> None:
    first, second = store.start_board("virtual-pen"), store.start_board("virtual-pen")
    assert first.key == second.key
    assert second.session == first.session + 1
    assert store.start_board("virtual-camera").key != first.key
    store.remove("virtual-pen")
    assert store.start_board("virtual-pen").key != first.key


def test_boards_started_by_several_processes_at_once_get_different_sessions(store: KeyStore) -> None:
    code = (
        "import sys; from pathlib import Path; from firmware_bridge.trust.board_keys import KeyStore\n"
        "store = KeyStore(Path(sys.argv[1]))\n"
        "for _ in range(20): print(store.start_board('virtual-pen').session)"
    )
    command = [sys.executable, "-c", code, str(store.folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    sessions = [line for process in running for line in process.communicate()[0].split()]
    assert len(sessions) == len(set(sessions)) == 60


def test_a_write_that_fails_leaves_the_old_key(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("pen-1", KEY, 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyStoreError, match="No space left"):
        store.put("pen-1", bytes(32), 2)
    monkeypatch.undo()
    assert KeyStore(store.folder).load() == {"pen-1": BoardKey(KEY, 1)}


def test_the_folder_is_the_users_own_unless_another_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INKGATE_KEYS", "/elsewhere")
    assert board_keys_folder() == Path("/elsewhere")
    monkeypatch.delenv("INKGATE_KEYS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert board_keys_folder() == tmp_path / "inkgate" / "keys"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert board_keys_folder() == tmp_path / ".config" / "inkgate" / "keys"


def test_a_folder_that_cannot_be_made_is_named_with_the_variable_that_helps(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyStoreError, match="INKGATE_KEYS"):
        KeyStore(tmp_path / "file" / "keys").put("pen-1", KEY)


def test_a_folder_that_cannot_be_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network's file system without locks."""
    store = KeyStore(tmp_path / "keys")
    store.put("pen", bytes(32))

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        with pytest.raises(KeyStoreError, match=r"keys: .*No locks available"):
            store.note("pen", 3)
    store.note("pen", 4)
    assert store.get("pen") == BoardKey(bytes(32), 4)


def test_a_file_that_was_not_written_whole_does_not_replace_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = KeyStore(tmp_path / "keys")
    store.put("pen", bytes(32), 7)
    real = os.fsync

    def cut(descriptor: int) -> None:
        real(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.truncate(descriptor, 10)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", cut)
        with pytest.raises(KeyStoreError, match="what was written is not there"):
            store.note("pen", 8)
    assert store.get("pen") == BoardKey(bytes(32), 7)
    assert [file.name for file in store.folder.glob("*") if file.suffix == ".fresh"] == []
