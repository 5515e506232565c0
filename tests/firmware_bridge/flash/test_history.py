"""The record of what was flashed from here: its place, its content, how an older one is found."""

import errno
import json
from pathlib import Path

import pytest
from images import sealed

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.image import check
from firmware_bridge.flash.errors import FlashedListError
from firmware_bridge.flash.history import NAME, open_history
from firmware_bridge.trust.folder import SIGNING_VARIABLE

PICO, STM32 = BOARDS["rp2040"], BOARDS["stm32f405"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return the record's place, and the place where an earlier inkgate kept it."""
    monkeypatch.delenv("INKGATE_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv(SIGNING_VARIABLE, str(tmp_path / "signing"))
    (tmp_path / "signing").mkdir()
    return tmp_path / "state" / "inkgate" / NAME, tmp_path / "signing" / NAME


def test_the_record_lies_among_the_users_state_files_and_not_beside_the_keys(places: tuple[Path, Path]) -> None:
    header = check(sealed(PICO, version=(0, 3, 0)))
    open_history().note(header)
    assert places[0].is_file()
    assert not places[1].exists()
    assert open_history().newest(PICO) == (0, 3, 0)


def test_a_record_of_an_earlier_inkgate_is_found_and_moved(places: tuple[Path, Path]) -> None:
    places[1].write_text(json.dumps({"rp2040": "0.7.0", "stm32f405 unfinished": "0.2.0"}))
    history = open_history()
    assert not places[1].exists()
    assert (history.newest(PICO), history.unfinished(STM32)) == ((0, 7, 0), (0, 2, 0))


@pytest.mark.parametrize(("here", "there"), [("0.9.0", "0.7.0"), ("0.7.0", "0.9.0")])
def test_of_two_records_the_newest_version_of_each_model_counts(
    here: str, there: str, places: tuple[Path, Path]
) -> None:
    places[0].parent.mkdir(parents=True)
    places[0].write_text(json.dumps({"rp2040": here}))
    places[1].write_text(json.dumps({"rp2040": there}))
    assert open_history().newest(PICO) == (0, 9, 0)


def test_a_damaged_record_of_an_earlier_inkgate_is_named_and_stays_where_it_is(places: tuple[Path, Path]) -> None:
    places[1].write_text("{")
    with pytest.raises(FlashedListError, match="signing"):
        open_history()
    assert places[1].read_text() == "{"


def test_a_record_that_cannot_be_moved_is_named_with_what_helps(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    places[1].write_text(json.dumps({"rp2040": "0.7.0"}))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    # Whoever runs the tests may be root, whom no folder's mode stops.
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(FlashedListError, match=r"flashed\.json: cannot be moved.*denied; remove it yourself, or make"):
        open_history()
