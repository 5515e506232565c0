import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from images import sealed
from raw_sets import save_raw

import inkgate
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.boards import BOARDS


def bars(each: int = 20) -> FragmentSet:
    """Return 40 upright bars by two writers."""
    pixels = np.zeros((2 * each, 33, 33), np.uint8)
    pixels[:, 4:29, 14:18] = 255
    number = np.arange(2 * each, dtype=np.int32)
    return FragmentSet(pixels, number // each, np.ones_like(number), number % each)


BARS, MANY_BARS = bars(), bars(40)


def run(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "inkgate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", sorted(inkgate.COMMANDS))
def test_every_command_of_the_table_exists_and_explains_itself(name: str) -> None:
    command = inkgate.LazyGroup().get_command(click.Context(inkgate.cli), name)
    assert isinstance(command, click.Command)
    assert command.help
    assert inkgate.COMMANDS[name][1].endswith(".")


def test_help_loads_no_room() -> None:
    code = (
        "import sys, inkgate\n"
        "sys.argv = ['inkgate', '--help']\n"
        "try: inkgate.main()\n"
        "except SystemExit: pass\n"
        "rooms = {'train', 'quantize', 'edge', 'firmware_bridge', 'numpy', 'tensorflow'}\n"
        "loaded = {name for name in sys.modules if name.partition('.')[0] in rooms}\n"
        "sys.exit(loaded != {'firmware_bridge', 'firmware_bridge.errors'})"
    )
    done = run(code=code)
    assert done.returncode == 0, done.stderr
    assert "simulate" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (("run", "--port", "/dev/null", "--bundle", "nowhere"), 2, "inkgate quantize"),
        (("evaluate", "nowhere"), 2, "inkgate train"),
        (("verify", "nowhere"), 2, "bundle"),
        (("quantize", "nowhere", "--out", "x"), 2, "inkgate train"),
        (("train", "--dataset", "nothing", "--users", "3", "--out", "x"), 2, "qmnist"),
        (("data", "export", "nothing.npz", "--out", "x.npz"), 2, "nothing.npz"),
        (("adapt",), 2, "--users"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence_and_exit_code_2(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], exit_code: int, says: str
) -> None:
    monkeypatch.chdir(str(tmp_path))
    done = run(*arguments)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert says in done.stderr


@pytest.mark.parametrize("name", ["[b]", "[/b]"])
def test_a_path_is_shown_as_it_is_whatever_brackets_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written = f"{name}.npz"
    options = ["--writers", "20", "--per-writer", "41"]
    for command in (["export", "synthetic", "--out", written, *options], ["info", written]):
        done = run("data", *command)
        assert done.returncode == 0, done.stderr
        assert written in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["data", "info", "{set}"],
        ["data", "export", "{set}", "--out", "{out}.npz"],
        ["train", "--dataset", "{set}", "--users", "1", "--out", "{out}"],
        ["train", "--dataset", "{many}", "--strangers", "{set}", "--users", "1", "--out", "{out}"],
        ["simulate", "--dataset", "{set}"],
        ["capture", "--out", "{set}", "--writer", "Ada", "--port", "{out}"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pixels": 255 - BARS.pixels}, "the border of 40 of 40 fragments has the value 255; black and white"),
        ({"pixels": BARS.pixels // 255}, "the highest pixel of 40 of 40 fragments is 1"),
        ({"writer_names": ("Kim", "Kim")}, "2 writers are called 'Kim'"),
        ({"order": np.full(40, 2**31 - 1, np.int32)}, "order 2147483647 is not in -1"),
    ],
)
def test_a_set_that_is_no_handwriting_is_refused_by_every_command_that_takes_one(
    tmp_path: Path, command: list[str], change: dict[str, Any], says: str
) -> None:
    wrong = save_raw(BARS, tmp_path / "wrong.npz", **change)
    BARS.save(tmp_path / "good.npz")
    MANY_BARS.save(tmp_path / "many.npz")
    paths = {"set": wrong, "good": tmp_path / "good.npz", "many": tmp_path / "many.npz", "out": tmp_path / "out"}
    done = run(*(part.format(**paths) for part in command))
    assert done.returncode == 2, done.stderr
    assert f"error: {wrong}: " in done.stderr
    assert says in done.stderr


def test_where_only_the_gate_is_installed_the_other_commands_say_what_they_need() -> None:
    without = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'tf_keras', 'matplotlib'])); import inkgate"
    command = [sys.executable, "-c", f"{without}; inkgate.main()", "evaluate", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: this command needs matplotlib, which is not installed: `")
    assert """install -c constraints.txt ".[train]"` in inkgate's source folder, or `make install`""" in done.stderr


def test_with_json_an_error_is_an_object_on_stdout() -> None:
    done = run("evaluate", "nowhere", "--json")
    error = json.loads(done.stdout)
    assert error["exit_code"] == done.returncode == 2
    assert error["error"] in done.stderr.replace("error: ", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_complete_the_commands(shell: str) -> None:
    if shell == "bash":
        script = run("completion", shell)
        assert script.returncode == 0, script.stderr
        assert "_INKGATE_COMPLETE" in script.stdout
    word = "ver" if shell == "fish" else "1"
    done = subprocess.run(
        [sys.executable, "-m", "inkgate"],
        env={**os.environ, "_INKGATE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "inkgate ver", "COMP_CWORD": word},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "verify" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("firmware build s", ["stm32f405"]),
        ("firmware build rp2040 ", ["pen", "camera"]),
        ("firmware build nrf51 ", ["pen"]),
        ("firmware build mps2-an386 b", ["bench"]),
        ("simulate --firmware n", ["nrf51"]),
    ],
)
def test_boards_and_their_apps_are_completed(words: str, expected: list[str]) -> None:
    *before, begun = words.split(" ")
    completer = ShellComplete(inkgate.cli, {}, "inkgate", "_INKGATE_COMPLETE")
    assert [item.value for item in completer.get_completions(before, begun)] == expected


BARRED = """
import os, sys
import edge.cli.run, firmware_bridge.cli.firmware, firmware_bridge.cli.flash, inkgate
if os.geteuid() == 0:
    os.seteuid(65534)  # root may enter every folder
sys.argv = ["inkgate", *sys.argv[1:]]
inkgate.main()
"""


@pytest.mark.parametrize(
    "command",
    [("run", "--port", "x", "--bundle", "{locked}/bundle"), ("firmware", "flash", "{image}", "--drive", "{drive}")],
    ids=["bundle", "signing keys"],
)
def test_a_folder_that_this_user_may_not_enter_is_a_sentence_and_not_taken_for_empty(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    locked, image, drive = tmp_path / "locked", tmp_path / "a.img", tmp_path / "drive"
    for folder in (locked, drive):
        folder.mkdir()
    image.write_bytes(sealed(BOARDS["rp2040"]))
    locked.chmod(0)
    given = [word.format(locked=locked, image=image, drive=drive) for word in command]
    # The folders above are their owner's alone: the command starts inside, so that another user needs no way through.
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", BARRED, *(os.path.relpath(word, tmp_path) if "/" in word else word for word in given)],
        cwd=tmp_path, env={**os.environ, "INKGATE_SIGNING": "locked"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    locked.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert "locked" in done.stderr
    assert "may not read it" in done.stderr
    assert "Traceback" not in done.stderr


TELLING = (
    "--help",
    "--version",
    "completion bash",
    "firmware udev",
    "service show --program /bin/true",
    "journal --help",
)
"""Commands that only print, by themselves or by click."""


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("redirected", "exit_code", "says"),
    [
        *((f"{command} >/dev/full", 3, "the output cannot be written: No space left on device") for command in TELLING),
        ("users list --roster r --json 2>/dev/full", 3, ""),
        ("evaluate nowhere --json >/dev/full", 2, "nowhere"),
        ("evaluate nowhere --json 2>/dev/full", 3, ""),
        (f"users list --bundle {'x' * 300}", 2, "File name too long"),
    ],
)
def test_what_cannot_be_told_or_named_is_not_taken_for_a_negative_check(
    tmp_path: Path, redirected: str, exit_code: int, says: str, unbuffered: str
) -> None:
    environment = {**os.environ, "INKGATE_ROSTER_KEYS": str(tmp_path / "keys"), "PYTHONUNBUFFERED": unbuffered}
    command = f"{sys.executable} -m inkgate {redirected}"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == exit_code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", TELLING)
def test_a_reader_that_has_gone_ends_a_command_as_a_shell_expects_and_without_a_word(
    command: str, unbuffered: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "inkgate", *command.split()],
        stdout=write, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--port", "x", "--far", "nan"),
        ("run", "--port", "x", "--idle-timeout", "inf"),
        ("calibrate", "--port", "x", "--idle-timeout", "nan"),
        ("evaluate", "ready", "--far", "nan"),
        ("evaluate", "ready", "--protocol", "claim", "--symbols", "9" * 30),
        ("evaluate", "ready", "--protocol", "pin", "--writings", "257"),
        ("simulate", "--loss", "nan"),
        ("simulate", "--seed", "-1"),
        ("simulate", "--symbols", "9" * 5000),
        ("train-reader", "--out", "x", "--seed", "-1"),
        ("train", "--users", "1", "--out", "x", "--seed", str(1 << 32)),
    ],
    ids=lambda command: " ".join(command)[:40],
)
def test_a_number_that_cannot_be_meant_is_refused_by_every_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*command)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Usage: ")
    assert command[-2] in done.stderr


HOMELESS = """
import os, pwd, sys
for name in ("HOME", "XDG_CACHE_HOME"):
    os.environ.pop(name, None)
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
import inkgate
sys.argv = ["inkgate", *sys.argv[1:]]
inkgate.main()
"""


@pytest.mark.parametrize("data", [None, "~nosuch"])
@pytest.mark.parametrize("command", ["data info qmnist", "train --dataset qmnist --users 3 --out x"])
def test_a_home_that_is_nobodys_is_a_sentence_and_exit_code_2(tmp_path: Path, command: str, data: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "INKGATE_DATA"}
    environment |= {} if data is None else {"INKGATE_DATA": data}
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS, *command.split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "name a folder in $INKGATE_DATA" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("journal show", "INKGATE_STATE"),
        ("attempts list", "INKGATE_STATE"),
        ("doctor", "INKGATE_STATE"),
        ("keys list", "INKGATE_SIGNING"),
        ("users list --roster r", "INKGATE_ROSTER_KEYS"),
        ("data info qmnist", "INKGATE_DATA"),
    ],
)
@pytest.mark.parametrize("home", [None, "", "~nosuch", "relative"])
def test_every_folder_of_the_user_is_looked_for_in_one_way(
    tmp_path: Path, command: str, variable: str, home: str | None
) -> None:
    """home: what the variable says, or $HOME where the variable is unset."""
    ours = ("INKGATE_", "XDG_", "HOME")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    others = ("INKGATE_STATE", "INKGATE_SIGNING", "INKGATE_ROSTER_KEYS", "INKGATE_KEYS")
    environment |= {name: str(tmp_path / name) for name in others if name != variable}
    environment |= {} if home is None else {variable: home} if home.startswith("~") else {"HOME": home}
    (tmp_path / "r").write_bytes(b"no roster")
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS if home is None else "import inkgate; inkgate.main()", *command.split()],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"name a folder in ${variable}" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name in ("relative", "~nosuch")] == []


@pytest.mark.parametrize(
    ("wrong", "meant"), [("simulte", "simulate"), ("firmware bild", "build"), ("journal shwo", "show")]
)
def test_a_command_that_is_nearly_one_is_told_which_is_meant(wrong: str, meant: str) -> None:
    done = run(*wrong.split())
    assert done.returncode == 2
    assert done.stderr.count("Did you mean") == 1
    assert meant in done.stderr.partition("Did you mean")[2]


@pytest.mark.parametrize(
    ("command", "key"), [("completion zsh", "script"), ("firmware udev", "rules")], ids=lambda each: str(each)
)
def test_what_is_printed_for_a_file_is_one_object_with_json(command: str, key: str) -> None:
    plain, found = run(*command.split()), json.loads(run(*command.split(), "--json").stdout)
    assert found[key].strip() == plain.stdout.strip()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("MemoryError()", "not enough memory"),
        ("FileNotFoundError(2, 'No such file or directory')", "No such file or directory"),
        ("TimeoutError('timed out')", "timed out"),
    ],
)
def test_what_the_system_fails_in_is_a_sentence_wherever_it_happens(error: str, told: str) -> None:
    code = f"""
import sys, inkgate
def fail(*_): raise {error}
inkgate.LazyGroup.get_command = fail
sys.argv = ["inkgate", "ports"]
inkgate.main()
"""
    found = run(code=code)
    assert found.returncode == 3
    assert found.stderr.startswith("error: ")
    assert told in found.stderr
    assert "Traceback" not in found.stderr


def test_an_error_about_a_hostile_name_reaches_the_terminal_as_a_text(tmp_path: Path) -> None:
    done = run("data", "info", f"{tmp_path}/\x1b[31m\x9b2Jno.npz")
    assert done.returncode == 2
    assert r"\x1b[31m\x9b2Jno.npz" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()
