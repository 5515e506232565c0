"""Rosters whose files are gone: their keys are named and erased, those of others stay."""

from pathlib import Path

import pytest

from edge.errors import RosterKeyError
from edge.roster.keys import FileKeys
from edge.roster.roster_file import RosterFile, forget_rosters_gone, rosters_gone
from edge.roster.versions import Versions

NETWORK = bytes(range(32))


def test_the_keys_of_rosters_that_are_gone_are_named_and_erased(tmp_path: Path) -> None:
    keys, versions = FileKeys(tmp_path / "keys"), Versions(tmp_path / "versions")
    gone, kept = (RosterFile(tmp_path / f"{name}.roster", NETWORK, keys, versions) for name in ("gone", "kept"))
    for each in (gone, kept):
        each.change(lambda roster: roster.forget_visitors())
    assert rosters_gone(keys, versions) == {}
    copy = gone.path.read_bytes()
    gone.path.unlink()
    assert list(rosters_gone(keys, versions).values()) == [gone.path]
    assert list(forget_rosters_gone(keys, versions).values()) == [gone.path]
    assert rosters_gone(keys, versions) == {}
    assert kept.load().version == 1
    gone.path.write_bytes(copy)
    with pytest.raises(RosterKeyError, match="there is no key"):
        gone.load()


def test_a_roster_that_another_lies_in_the_place_of_is_gone_and_one_that_cannot_be_read_is_not(tmp_path: Path) -> None:
    keys, versions = FileKeys(tmp_path / "keys"), Versions(tmp_path / "versions")
    file = RosterFile(tmp_path / "a.roster", NETWORK, keys, versions)
    file.change(lambda roster: roster.forget_visitors())
    file.path.unlink()
    file.change(lambda roster: roster.forget_visitors())
    assert list(forget_rosters_gone(keys, versions).values()) == [file.path]
    assert file.load().version == 1, "the key of the one that is there stays"
    file.path.write_bytes(b"no roster")
    assert rosters_gone(keys, versions) == {}
