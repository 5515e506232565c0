"""Settings in files, environment and options: the heaviest place wins, and `inkgate config show` names it."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inkgate
from edge.cli.config import config
from edge.cli.run import run
from edge.cli.settings import FOLDERS, REFUSED, SETTINGS, Configured, misspelt, variable_of
from edge.config.files import VARIABLE
from edge.decision.rule import Decision, Verdict
from edge.gate.hooks import Hooks
from edge.gate.loop import Outcome
from firmware_bridge.trust.board_keys import KeyStore

SYSTEM = """
import sys
from pathlib import Path
from edge.config import files
files.SYSTEM = Path(sys.argv.pop(1))
import inkgate
inkgate.main()
"""
"""The console script, with another file in place of /etc/inkgate.toml."""

Told = dict[str, dict[str, Any]]


class Machine:
    """The files of settings of a machine, of which none is there at first, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.system, self.home = folder / "etc.toml", folder / "home" / "inkgate.toml"
        self.home.parent.mkdir()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name != VARIABLE and name not in map(variable_of, SETTINGS)
        } | {"XDG_CONFIG_HOME": str(self.home.parent), "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}

    def run(self, *words: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", SYSTEM, self.system, *words]
        environment = self.environment
        return subprocess.run(
            [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def shown(self) -> Told:
        done = self.run("config", "show", "--json")
        assert done.returncode == 0, done.stderr
        return {row["setting"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_settings_every_one_has_its_default(machine: Machine) -> None:
    shown = machine.shown()
    assert list(shown) == list(SETTINGS)
    assert {row["source"] for row in shown.values()} == {"default"}
    assert (shown["port"]["value"], shown["far"]["value"], shown["early"]["value"]) == ("auto", 0.01, False)
    assert shown["journal"]["value"].endswith("state/inkgate/journal.sqlite")


PLACES = ("system", "home", "environment")


@pytest.mark.parametrize("places", [c for n in range(1, 4) for c in itertools.combinations(PLACES, n)], ids="+".join)
def test_the_heaviest_place_wins_and_is_named(machine: Machine, places: tuple[str, ...]) -> None:
    if "system" in places:
        machine.system.write_text("word-timeout = 11\n")
    if "home" in places:
        machine.home.write_text("word-timeout = 12\n")
    if "environment" in places:
        machine.environment["INKGATE_WORD_TIMEOUT"] = "13"
    row = machine.shown()["word-timeout"]
    named = {"system": str(machine.system), "home": str(machine.home), "environment": "$INKGATE_WORD_TIMEOUT"}
    assert row["place"] == named[places[-1]]
    assert row["value"] == {"system": 11.0, "home": 12.0, "environment": 13.0}[places[-1]]
    assert row["source"] == ("environment" if places[-1] == "environment" else "file")
    done = machine.run("config", "show")
    assert f"word-timeout {row['value']}  ({row['place']})" in done.stderr


@pytest.mark.parametrize("place", PLACES)
def test_an_option_outweighs_every_other_place(machine: Machine, place: str, tmp_path: Path) -> None:
    line = f'port = "{tmp_path}/set"\n'
    if place == "environment":
        machine.environment["INKGATE_PORT"] = f"{tmp_path}/set"
    else:
        (machine.system if place == "system" else machine.home).write_text(line)
    for option, port in (((), "set"), (("--port", tmp_path / "given"), "given")):
        found = map(json.loads, machine.run("doctor", "--json", *option).stdout.splitlines())
        told = [row["told"] for row in found if row["check"] == "port"]
        assert told == [f"{tmp_path}/{port}: No such file or directory"]


def test_each_setting_is_that_option_of_run_or_a_folder_and_each_option_is_a_setting_or_refused() -> None:
    options = {param.key for param in run.params if isinstance(param, Configured)}
    assert options | set(FOLDERS) == set(SETTINGS)
    assert not options & set(FOLDERS)
    others = {param.opts[-1].removeprefix("--") for param in run.params if not isinstance(param, Configured)}
    assert others == set(REFUSED)


def test_every_setting_can_be_set_by_file_and_by_environment(machine: Machine) -> None:
    example = machine.run("config", "example").stdout
    lines = [line.removeprefix("#") for line in example.splitlines() if line.startswith("#") and line[1] != " "]
    assert [line.partition(" = ")[0] for line in lines] == list(SETTINGS)
    machine.environment = {name: value for name, value in machine.environment.items() if "INKGATE_" not in name}
    machine.system.write_text(example)
    assert {row["source"] for row in machine.shown().values()} == {"default"}
    machine.system.write_text("\n".join(lines))
    assert {row["place"] for row in machine.shown().values()} == {str(machine.system)}
    values = {key: row["value"] for key, row in machine.shown().items()}
    assert (values["early"], values["claim"], values["far"]) == (True, "ada", 0.01)
    assert values["on-accept"] == "/usr/local/bin/open-door --seconds 3"
    machine.system.unlink()
    machine.environment |= {variable_of(key): str(value) for key, value in values.items()}
    shown = machine.shown()
    assert {row["source"] for row in shown.values()} == {"environment"}
    assert {key: row["value"] for key, row in shown.items()} == values
    assert all(row["place"] == f"${row['variable']}" for row in shown.values())


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("far = 2", 2, "far: 2.0 is not in the range 0<x<1"),
        ("far = nan", 2, "far: nan is no number that can be meant"),
        ("word-timeout = inf", 2, "word-timeout"),
        ('kernels = "fast"', 2, "kernels: 'fast' is not one of"),
        ('on-accept = "\'open"', 2, "on-accept: No closing quotation"),
        ("prot = 1", 2, "prot: there is no such setting; did you mean port"),
        ("port = /dev/pen", 2, "no TOML"),
        ('journal = "j.sqlite"', 2, "journal: 'j.sqlite' is relative"),
        *((f"{name} = true", 4, f"{name}: takes a protection away") for name in ("unsigned", "uncounted")),
        ("allow-unauthenticated = true", 4, "allow-unauthenticated: takes a protection away"),
        ("words = 3", 2, "words: is of one run"),
    ],
)
def test_a_gate_starts_with_no_setting_that_cannot_be_meant_and_the_file_is_named(
    machine: Machine, line: str, code: int, says: str
) -> None:
    machine.home.write_text(line + "\n")
    done = machine.run("run", "--json")
    assert done.returncode == code, done.stderr
    error = json.loads(done.stdout)
    assert error["error"].startswith(f"{machine.home}: ")
    assert says in error["error"]
    assert "Traceback" not in done.stderr
    shown = machine.run("config", "show")
    assert shown.returncode == code
    assert says in shown.stderr


@pytest.mark.parametrize(("line", "code"), [("far = 2", 2), ("no settings", 2), ("uncounted = true", 4)])
def test_doctor_names_the_file_and_looks_at_the_rest_all_the_same(machine: Machine, line: str, code: int) -> None:
    machine.home.write_text(line + "\n")
    looked = machine.run("doctor", "--json")
    found = {row["check"]: row for row in map(json.loads, looked.stdout.splitlines())}
    assert (found["settings"]["state"], found["settings"]["mend"]) == ("broken", "inkgate config show")
    assert looked.returncode >= code
    assert str(machine.home) in found["settings"]["told"]
    assert {"bundle", "journal", "service"} <= set(found), "the rest is looked at all the same"


def test_a_variable_that_cannot_be_meant_is_named(machine: Machine) -> None:
    machine.environment["INKGATE_FAR"] = "two"
    done = machine.run("run")
    assert done.returncode == 2
    assert "$INKGATE_FAR: far: 'two' is not a valid float" in done.stderr


def test_a_file_that_others_may_write_to_stops_the_gate_for_security(machine: Machine) -> None:
    machine.system.write_text("far = 0.5\n")
    machine.system.chmod(0o666)
    done = machine.run("run")
    assert done.returncode == 4
    assert f"`chmod go-w {machine.system}`" in done.stderr


def test_a_configured_port_is_not_a_second_source_of_writing(machine: Machine, tmp_path: Path) -> None:
    machine.system.write_text(f'port = "{tmp_path}/board"\n')
    add = machine.run("users", "add", "ada", "--from", tmp_path / "none.npz")
    assert "none.npz: " in add.stderr
    assert "give either" not in add.stderr
    assert f"error: {tmp_path}/none.npz: " in machine.run("calibrate", "--from", tmp_path / "none.npz").stderr
    forgotten = machine.run("calibrate", "--forget")
    assert (forgotten.returncode, "0 visitors forgotten" in forgotten.stderr) == (0, True)
    both = machine.run("users", "add", "ada", "--from", "x.npz", "--port", "/dev/pen")
    assert (both.returncode, "give either" in both.stderr) == (2, True)
    alone = machine.run("users", "add", "ada", "--idle-timeout", "1", "--json")
    assert f"{tmp_path}/board: " in alone.stdout


def test_configured_attempts_do_not_contradict_uncounted(machine: Machine, tmp_path: Path) -> None:
    machine.system.write_text(f'attempts = "{tmp_path}/counts"\nbundle = "/nowhere"\n')
    assert "/nowhere: no bundle" in machine.run("run", "--uncounted").stderr
    assert "--uncounted" in machine.run("run", "--uncounted", "--attempts", "x").stderr


def test_a_roster_belongs_to_the_bundle_of_its_place(machine: Machine, tmp_path: Path) -> None:
    """Who may enter another bundle than the one that was meant is not to be taken for granted."""

    def shown() -> Any:
        return machine.shown()["roster"]["value"]

    ours = tmp_path / "ours"

    machine.system.write_text(f'bundle = "{tmp_path}/a"\nroster = "{tmp_path}/r"\n')
    assert shown() == f"{tmp_path}/r"
    machine.home.write_text(f'bundle = "{tmp_path}/b"\n')
    assert shown() is None
    machine.home.write_text(f'bundle = "{tmp_path}/b"\nroster = "{ours}"\n')
    assert shown() == str(ours)
    machine.environment["INKGATE_BUNDLE"] = "ready"
    assert shown() is None
    listed = machine.run("users", "list", "--bundle", "ready")
    assert str(ours) not in listed.stderr
    assert listed.returncode == 0, listed.stderr


def test_the_configured_journal_is_the_one_that_journal_looks_at(machine: Machine, tmp_path: Path) -> None:
    machine.system.write_text(f'journal = "{tmp_path}/door.sqlite"\n')
    for words in (("show",), ("verify",), ("export",), ("rotate",), ("backup", tmp_path / "copy")):
        assert f"{tmp_path}/door.sqlite: " in machine.run("journal", *words).stderr, words
    assert "other.sqlite: " in machine.run("journal", "show", "other.sqlite").stderr


def test_a_folder_that_a_file_names_is_the_one_that_is_used(machine: Machine, tmp_path: Path) -> None:
    machine.system.write_text(f'state = "{tmp_path}/records"\n')
    assert f"in {tmp_path}/records/attempts.sqlite" in machine.run("attempts", "list").stderr
    machine.environment["INKGATE_STATE"] = f"{tmp_path}/others"
    assert f"in {tmp_path}/others/attempts.sqlite" in machine.run("attempts", "list").stderr


def test_a_broken_file_stops_no_command_that_needs_none_of_it(machine: Machine, tmp_path: Path) -> None:
    machine.system.write_text("no settings\n")
    needs_none = ("completion bash", "service show --program /bin/true", "run --help", "config example")
    for words in map(str.split, needs_none):
        assert machine.run(*words).returncode == 0, words
    assert machine.run("users", "list").returncode == 2


def test_no_variable_that_a_hook_is_told_is_a_setting(tmp_path: Path) -> None:
    """A command of --on-accept that calls inkgate is not configured by what it was told."""
    told = tmp_path / "told"
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\nenv > "{told}"\n')
    script.chmod(0o700)
    decision = Decision(Verdict.ACCEPT, "ada", 1.0, 8, True, "")
    before = set(os.environ)
    with Hooks({Verdict.ACCEPT: (str(script),)}, lambda text: None) as hooks:
        hooks.follow(Outcome("2026-01-01", "pen", 1, 1, decision, 0.1, True))
    names = {line.partition("=")[0] for line in told.read_text().splitlines()} - before
    assert len({name for name in names if name.startswith("INKGATE_")}) == 6
    assert names & {VARIABLE, *map(variable_of, SETTINGS)} == set()


@given(key=st.sampled_from(sorted(SETTINGS)), place=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_variable_that_is_nearly_one_is_told(monkeypatch: pytest.MonkeyPatch, key: str, place: st.DataObject) -> None:
    right = variable_of(key)
    cut = place.draw(st.integers(len("INKGATE_"), len(right) - 1))
    wrong = right[:cut] + "X" + right[cut:]
    with monkeypatch.context() as patched:
        patched.setenv(wrong, "1")
        assert any(told.startswith(f"${wrong} sets nothing; did you mean $INKGATE_") for told in misspelt())
    assert misspelt() == []


def completed(line: str) -> list[str]:
    *before, begun = line.split(" ")
    completer = ShellComplete(inkgate.cli, {}, "inkgate", "_INKGATE_COMPLETE")
    return [item.value for item in completer.get_completions(before, begun) if item.type != "file"]


def test_ports_boards_datasets_and_kernel_sets_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware_bridge.link import ports

    found = [ports.PortInfo("/dev/ttyACM7", "pen", None, None, None, None)]
    monkeypatch.setattr(ports, "list_ports", lambda: found)
    for command in ("run", "doctor", "users add ada", "calibrate", "capture", "firmware monitor", "firmware info"):
        assert completed(f"{command} --port ") == ["auto", "/dev/ttyACM7"], command
    assert completed("run --port /dev") == ["/dev/ttyACM7"]
    KeyStore().put("front-door", bytes(32))
    assert completed("run --board f") == completed("attempts reset --board f") == ["front-door"]
    assert "reference" in completed("run --kernels ")
    assert "all" in completed("verify ready --kernels ")
    assert "inkgate-c,litert-reference" in completed("verify ready --kernels inkgate-c,litert-r")
    for command in ("train", "simulate", "demo"):
        assert completed(f"{command} --dataset q") == ["qmnist"], command
    assert completed("evaluate ready --dataset p") == ["pendigits"]


def test_a_file_is_completed_where_none_of_the_names_begins_so() -> None:
    completer = ShellComplete(inkgate.cli, {}, "inkgate", "_INKGATE_COMPLETE")
    for words in (["run", "--port"], ["train", "--dataset"]):
        assert [item.type for item in completer.get_completions(words, "./x")] == ["file"]


def test_completion_offers_what_it_can_with_a_broken_file(machine: Machine) -> None:
    machine.system.write_text("no settings\n")
    machine.environment |= {"_INKGATE_COMPLETE": "bash_complete", "COMP_WORDS": "inkgate run --ker", "COMP_CWORD": "2"}
    assert "--kernels" in machine.run().stdout


def test_the_demonstration_is_nobodys_gate(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from edge.cli.settings import unconfigured

    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("INKGATE_ON_ACCEPT", "/bin/false")
    monkeypatch.setenv("INKGATE_KEYS", str(tmp_path / "keys"))
    machine.system.write_text('on-accept = "/bin/false"\nport = "/dev/door"\n')
    machine.environment = unconfigured()
    shown = machine.shown()
    assert {row["source"] for key, row in shown.items() if key not in FOLDERS} == {"default"}
    assert shown["keys"]["value"] == str(tmp_path / "keys")


def test_the_help_names_each_variable() -> None:
    told = run.get_help(click.Context(run))
    assert "INKGATE_ONLY_BOARD" in told
    assert "INKGATE_WORD_TIMEOUT" in " ".join(told.split())
    assert isinstance(config, click.Group)
