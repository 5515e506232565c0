"""Files of settings: read where only their owner can write to them, refused in a sentence otherwise."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.config import files as files_module
from edge.config.files import SYSTEM, VARIABLE, Refusal, files, read
from edge.config.kinds import number, path, text
from edge.errors import SettingsError, SettingsRefusedError

READERS = {"port": path, "far": number, "word-timeout": number, "claim": text}
REFUSED = {
    "unsigned": Refusal(SettingsRefusedError, "takes a protection away"),
    "words": Refusal(SettingsError, "once"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "inkgate.toml"


def test_what_is_not_there_sets_nothing(file: Path) -> None:
    assert read(file, READERS, REFUSED) == {}
    assert read(file / "below a file", READERS, REFUSED) == {}


def test_what_is_there_is_taken(file: Path) -> None:
    file.write_text('# mine\nport = "/dev/pen"\nfar = 1e-3\nword-timeout = 5\n')
    assert read(file, READERS, REFUSED) == {"port": "/dev/pen", "far": 0.001, "word-timeout": 5.0}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("port = /dev/pen", "no TOML"),
        ('port = "/a"\nport = "/b"', "no TOML"),
        (b"port = '\xff'", "no TOML"),
        ("\0", "no TOML"),
        ("a = " + "[" * 20_000, "no TOML"),
        ("far = " + "9" * 5_000, "no TOML"),
        ("far = 0x" + "f" * 30_000, "far: this is a larger number"),
        ('prot = "/dev/pen"', "prot: there is no such setting; did you mean port"),
        ("word_timeout = 3", "did you mean word-timeout"),
        ('PORT = "/a"', "did you mean port"),
        ("[run]\nport = '/a'", "[run]: settings stand in no table"),
        ('"\\u001b[2J" = 1', "'\\x1b[2J': there is no such setting"),
        ("far = '0.01'", "far: '0.01' is no number"),
        ("far = true", "far: true is no number"),
        ("far = 1979-05-27", "far: 1979-05-27 is no number"),
        ("words = 3", "words: once"),
        ("port = ['/a']", "port: a list is no text"),
        ("port = 'pen'", "port: 'pen' is relative"),
        ("claim = ''", "claim: the text is empty"),
        ("# " + "x" * (1 << 16), "more than 65,536 bytes"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_file_and_key(file: Path, content: str | bytes, says: str) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as refused:
        read(file, READERS, REFUSED)
    assert str(refused.value).startswith(f"{file}: ")
    assert says in str(refused.value)
    assert refused.value.exit_code == 2
    assert str(refused.value).isprintable()


def open_to_group(file: Path) -> None:
    file.chmod(0o664)


def open_to_all(file: Path) -> None:
    file.chmod(0o646)


def takes_a_protection_away(file: Path) -> None:
    file.write_text("unsigned = true\n")


@pytest.mark.parametrize("spoil", [open_to_group, open_to_all, takes_a_protection_away])
def test_what_others_could_have_written_or_weakens_the_gate_is_refused_for_security(
    file: Path, spoil: Callable[[Path], None]
) -> None:
    file.write_text("far = 0.5\n")
    file.chmod(0o644)
    assert read(file, READERS, REFUSED) == {"far": 0.5}
    spoil(file)
    with pytest.raises(SettingsRefusedError) as refused:
        read(file, READERS, REFUSED)
    assert refused.value.exit_code == 4


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("far = 0.5\n")
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    monkeypatch.setattr(files_module, "_ROOT", file.stat().st_uid + 2)
    with pytest.raises(SettingsRefusedError, match="belongs to another user"):
        read(file, READERS, REFUSED)
    monkeypatch.setattr(files_module, "_ROOT", file.stat().st_uid)
    assert read(file, READERS, REFUSED) == {"far": 0.5}, "root's own may be read by everybody"


def a_folder(file: Path) -> None:
    file.mkdir()


def a_pipe(file: Path) -> None:
    os.mkfifo(file)


def a_dangling_link(file: Path) -> None:
    file.symlink_to("nowhere")


@pytest.mark.parametrize("make", [a_folder, a_pipe, a_dangling_link])
def test_what_is_no_file_is_refused_and_never_waited_for(file: Path, make: Callable[[Path], None]) -> None:
    make(file)
    with pytest.raises(SettingsError, match=r"cannot be read|not there"):
        read(file, READERS, REFUSED)


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_settings_or_a_sentence(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        found, told = read(file, READERS, REFUSED), str(file)
    except SettingsError as error:
        found, told = {}, str(error)
    assert set(found) <= set(READERS)
    assert told.startswith(str(file))


def test_the_users_own_file_comes_after_the_machines_and_a_named_one_in_place_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert files() == [SYSTEM, tmp_path / "inkgate.toml"]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files() == [SYSTEM, tmp_path / ".config" / "inkgate.toml"]
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    with pytest.raises(SettingsError, match="begins with /"):
        files()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "second.toml"))
    with pytest.raises(SettingsError, match="no settings there"):
        files()
    (tmp_path / "second.toml").touch()
    assert files() == [tmp_path / "second.toml"]
    monkeypatch.setenv(VARIABLE, os.devnull)
    assert files() == []
