"""`inkgate look`: a word, a reason, or a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from inkgate import cli
from train.synthetic.picture import draw_blank, draw_picture
from train.synthetic.writers import synthetic_set


@pytest.fixture
def word(tmp_path: Path) -> Path:
    picture = draw_picture(synthetic_set(2, 4, seed=3).pixels[:6], np.random.default_rng(1))
    Image.fromarray(picture).save(tmp_path / "word.png")
    return tmp_path / "word.png"


def look(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["look", *map(str, arguments)], standalone_mode=False)


def test_a_word_is_shown_and_written(word: Path, tmp_path: Path) -> None:
    result = look(word, "--out", tmp_path / "seen.png")
    assert result.return_value == 0
    assert "seen as 320 x 240 pixels" in result.stderr
    assert "6 symbols" in result.stderr
    assert "\u2588" in result.stderr
    assert Image.open(tmp_path / "seen.png").size[0] == 960


def test_json_is_one_object_with_the_boxes(word: Path) -> None:
    record = json.loads(look(word, "--json").stdout)
    assert (record["delivered"], record["seen"], record["reason"]) == (True, [320, 240], None)
    assert [symbol["left"] for symbol in record["symbols"]] == sorted(symbol["left"] for symbol in record["symbols"])
    assert len(record["symbols"]) == 6


def test_what_is_refused_says_why(tmp_path: Path) -> None:
    Image.fromarray(draw_blank(np.random.default_rng(2))).save(tmp_path / "blank.png")
    result = look(tmp_path / "blank.png")
    assert result.return_value == 1
    assert "no word: the picture is blank" in result.stderr
    record = json.loads(look(tmp_path / "blank.png", "--json").stdout)
    assert (record["delivered"], record["reason"], record["symbols"]) == (False, "BLANK", [])


def test_a_file_that_is_no_picture_and_a_place_that_is_none_are_sentences(word: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    refused = look(tmp_path / "text.png").exception
    assert refused is not None
    assert "neither a PNG nor a JPEG" in str(refused)
    assert "is the picture itself" in str(look(word, "--out", word).exception)
    assert "written as .png" in str(look(word, "--out", tmp_path / "seen.gif").exception)
    assert isinstance(look(word, "--out", tmp_path / "none" / "seen.png").exception, OSError)
