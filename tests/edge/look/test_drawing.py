"""What was seen as a picture with boxes, and as characters."""

from pathlib import Path

import numpy as np
from PIL import Image

from edge.ink.segment import Segmentation, segment
from edge.look.drawing import WIDTH, blocks_of, fragments_of, save_drawing
from train.synthetic.picture import draw_blank, draw_picture
from train.synthetic.writers import synthetic_set


def found() -> tuple[np.ndarray, Segmentation]:
    picture = draw_picture(synthetic_set(2, 4, seed=3).pixels[:6], np.random.default_rng(1))
    seen = segment(picture)
    assert isinstance(seen, Segmentation)
    return picture, seen


def test_each_symbol_has_a_green_box_and_its_fragment_below(tmp_path: Path) -> None:
    picture, seen = found()
    save_drawing(tmp_path / "a.png", picture, seen)
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    for symbol in seen.symbols:
        left, top = symbol.box.left * 3 - 1, symbol.box.top * 3 - 1
        assert tuple(drawn[top + 20, left]) == (0, 150, 0)
    strip = drawn[722:755, :33, 0]
    assert (255 - strip == fragments_of(seen)[0]).all()


def test_a_picture_without_a_word_is_drawn_as_it_is(tmp_path: Path) -> None:
    blank = draw_blank(np.random.default_rng(2))
    save_drawing(tmp_path / "a.png", blank, None)
    assert (np.asarray(Image.open(tmp_path / "a.png").convert("L"))[::3, ::3] == blank).all()


def test_characters_show_as_many_fragments_beside_one_another_as_there_is_room_for() -> None:
    _, seen = found()
    fragments = fragments_of(seen)
    one, two = blocks_of(fragments, WIDTH), blocks_of(fragments, 2 * WIDTH + 2)
    assert len(one) == 2 * len(two) == 6 * 9
    assert max(map(len, two)) <= 2 * WIDTH + 2
    assert set("".join(two)) <= set(" \u2580\u2584\u2588")
    full, clear = np.full((33, 33), 255, np.uint8), np.zeros((33, 33), np.uint8)
    assert blocks_of([full], 80)[0] == "\u2588" * 16 + blocks_of([full], 80)[0][16:]
    assert blocks_of([clear], 80) == [""] * 9
