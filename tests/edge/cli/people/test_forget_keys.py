"""`inkgate doctor` names the keys of rosters that are gone, and `inkgate users forget-keys` erases them."""

import json
from pathlib import Path

from click.testing import CliRunner

from edge.roster.roster_file import RosterFile
from inkgate import cli


def findings(folder: Path) -> dict[str, dict[str, str]]:
    """Return what `doctor` finds, by check."""
    result = CliRunner().invoke(cli, ["doctor", "--bundle", str(folder / "none"), "--json"])
    return {found["check"]: found for found in map(json.loads, result.stdout.splitlines())}


def test_keys_of_a_roster_that_is_gone_are_named_with_the_command_that_erases_them(tmp_path: Path) -> None:
    file = RosterFile(tmp_path / "gone.roster", bytes(32))
    file.change(lambda roster: roster.forget_visitors())
    assert "keys" not in findings(tmp_path)
    file.path.unlink()
    found = findings(tmp_path)["keys"]
    assert (found["state"], str(file.path) in found["told"]) == ("warning", True)
    command = found["mend"].removeprefix("inkgate ").split()
    result = CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout) == {"event": "forgotten", "roster": str(file.path)}
    assert "keys" not in findings(tmp_path)
