"""The claims of `inkgate data import`."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edge.errors import FragmentSetError
from edge.ink.fragment_set import KINDS, FragmentSet
from train.cli.data import data
from train.cli.data_import import FORMATS
from train.errors import ImportedFileError
from train.importing.formats import KIND_OF

UNIPEN = '.COORD X Y\n.SEGMENT CHARACTER 0 ? "1"\n.PEN_DOWN\n0 0\n0 -9\n'
INKML = '<ink><annotation type="truth">1</annotation><trace>0 0, 0 9</trace></ink>'


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(data, ["import", *map(str, arguments)])


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, list[object]]:
    """Return the arguments that import a bar, written by each format."""
    (tmp_path / "set.dat").write_text(UNIPEN)
    (tmp_path / "set.inkml").write_text(INKML)
    picture = np.zeros((33, 33), np.uint8)
    picture[4:29, 14:18] = 255
    (tmp_path / "png" / "set").mkdir(parents=True)
    Image.fromarray(picture).save(tmp_path / "png" / "set" / "1_1.png")
    (tmp_path / "images").write_bytes(b"\0\0\x08\x03" + np.array([1, 33, 33], ">u4").tobytes() + picture.tobytes())
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x01")
    return {
        "unipen": [tmp_path / "set.dat"],
        "inkml": [tmp_path / "set.inkml"],
        "png": [tmp_path / "png"],
        "idx": [tmp_path / "images", "--labels", tmp_path / "labels", "--writer", "set"],
    }


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_becomes_a_set_of_its_kind_that_says_who_wrote_what(
    sources: dict[str, list[object]], tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out.npz"
    done = invoke(form, *sources[form], "--out", out, "--json")
    assert done.exit_code == 0, done.output
    found = FragmentSet.load(out)
    told = json.loads(done.stdout)
    assert told == {"out": str(out), "fragments": 1, "writers": 1, "kind": KIND_OF[form], "sha256": found.sha256}
    assert (found.writer_names, found.symbol.tolist(), KINDS[found.kind[0]]) == (("set",), [1], KIND_OF[form])
    assert invoke(form, *sources[form], "--out", out, "--kind", "camera").exit_code == 0
    assert KINDS[FragmentSet.load(out).kind[0]] == "camera"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["unipen", "x", "--out", "o.npz", "--invert"], "--invert means nothing for unipen; it is for png and idx"),
        (["png", "x", "--out", "o.npz", "--writer", "Ada"], "--writer means nothing for png"),
        (["inkml", "x", "--out", "o.npz", "--labels", "l"], "--labels means nothing for inkml; it is for idx"),
        (["idx", "x", "--out", "o.npz"], "idx needs --labels FILE"),
        (["png", "x", "--out", "o.zip"], "the file is an .npz"),
        (["gif", "x", "--out", "o.npz"], "'gif' is not one of"),
    ],
)
def test_options_that_mean_nothing_are_refused(arguments: list[str], says: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_malformed_source_leaves_no_file_and_its_error_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "set.dat").write_text("no UNIPEN")
    done = invoke("unipen", tmp_path / "set.dat", "--out", tmp_path / "out.npz")
    assert isinstance(done.exception, ImportedFileError)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "out.npz").exists()


def test_pixels_of_0_and_1_are_refused_here_too(sources: dict[str, list[object]], tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.write_bytes(images.read_bytes()[:16] + bytes(value // 255 for value in images.read_bytes()[16:]))
    done = invoke("idx", *sources["idx"], "--out", tmp_path / "out.npz")
    assert isinstance(done.exception, FragmentSetError)
    assert "the highest pixel of 1 of 1 fragments is 1; multiply every pixel by 255" in str(done.exception)
