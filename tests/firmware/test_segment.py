"""Pictures in C and in Python: equal symbols and fragments, in reading order, in any light."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_twin import Twin, read

from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet
from edge.ink.segment import MAX_PIXELS, SegmentReason
from edge.ink.segment_symbols import MAX_SYMBOLS
from train.synthetic.picture import Scene, draw_blank, draw_picture
from train.synthetic.writers import synthetic_set

WIDE = Scene(width=640, height=120, per_line=20)
SCENES = {
    "plain": (8, Scene()),
    "one symbol": (1, Scene()),
    "twenty in two lines": (20, Scene(per_line=10)),
    "twenty in one line": (20, WIDE),
    "small picture": (4, Scene(width=160, height=120, per_line=4)),
    "sizes that are no multiple of a tile": (5, Scene(width=317, height=203, per_line=5)),
    "a third of the light": (8, Scene(light=0.7, noise=6)),
    "noise": (8, Scene(noise=12)),
    "pencil": (8, Scene(ink=140)),
    "uphill": (16, Scene(slope=-0.08)),
    "downhill": (8, Scene(slope=0.1)),
    "specks": (8, Scene(specks=30)),
    "broken": (8, Scene(cuts=1)),
}


@pytest.fixture(scope="module")
def writing() -> FragmentSet:
    return synthetic_set(40, 20, seed=21)


def likeness(fragment: bytes, original: Pixels) -> float:
    """Return the correlation of two fragments' ink."""
    a = np.frombuffer(fragment, np.uint8).astype(float)
    return float(np.corrcoef(a, original.reshape(-1).astype(float))[0, 1])


@pytest.mark.parametrize("name", SCENES)
def test_every_word_comes_apart_into_its_symbols_in_reading_order(name: str, writing: FragmentSet) -> None:
    symbols, scene = SCENES[name]
    rng = np.random.default_rng(5)
    for _ in range(8):
        written = writing.pixels[rng.integers(len(writing), size=symbols)]
        word = read(draw_picture(written, rng, scene))
        assert isinstance(word, list), word
        assert len(word) == symbols
        # Correlation with another symbol is about 0.3; light, noise and pixels of another size cost up to 0.3 of 1.
        alike = [likeness(fragment, original) for fragment, original in zip(word, written, strict=True)]
        assert np.mean(alike) > 0.75, name


def test_nearly_all_joints_are_cut(writing: FragmentSet) -> None:
    rng, cut = np.random.default_rng(6), []
    for _ in range(30):
        word = read(draw_picture(writing.pixels[rng.integers(len(writing), size=8)], rng, Scene(joints=3)))
        cut.append(len(word) == 8 if isinstance(word, list) else False)
    assert np.mean(cut) >= 0.75  # 3 joints a word; what is cut wrongly is a 4 with a wide bar or two narrow digits


def test_no_symbol_is_cut_that_is_not_joined(writing: FragmentSet) -> None:
    rng, wrong = np.random.default_rng(7), 0
    for _ in range(20):
        word = read(draw_picture(writing.pixels[rng.integers(len(writing), size=20)], rng, Scene(per_line=10)))
        wrong += len(word) != 20 if isinstance(word, list) else 20
    assert wrong <= 1  # of 400 symbols


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_any_scene_gives_the_same_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(16, 641))
    scene = Scene(
        width=width,
        height=int(rng.integers(16, min(MAX_PIXELS // width, 640) + 1)),
        per_line=int(rng.integers(1, 12)),
        gap=float(rng.uniform(-6, 12)),
        zoom=float(rng.uniform(0.2, 2.5)),
        paper=float(rng.uniform(20, 255)),
        ink=float(rng.uniform(0, 255)),
        light=float(rng.uniform(0, 1)),
        noise=float(rng.uniform(0, 20)),
        slope=float(rng.normal(0, 0.1)),
        specks=int(rng.integers(0, 60)),
        cuts=int(rng.integers(0, 3)),
        joints=int(rng.integers(0, 4)),
    )
    shapes = rng.integers(0, 2, (int(rng.integers(0, 24)), 33, 33)) * np.uint8(255)
    written = synthetic_set(1, 24, seed=seed % 1000).pixels if rng.random() < 0.7 else shapes.astype(np.uint8)
    read(draw_picture(written, rng, scene))


@given(st.integers(0, 2**32), st.integers(14, 90), st.integers(14, 90))
@settings(max_examples=150, deadline=None)
def test_any_pixels_give_the_same_on_both_sides(seed: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    grain = int(rng.integers(1, 12))
    coarse = rng.integers(0, 256, (-(-height // grain), -(-width // grain)))
    if rng.random() < 0.7:
        coarse = np.where(rng.random(coarse.shape) < rng.random() * 0.4, 30, 230)
    picture = np.kron(coarse, np.ones((grain, grain), np.int64))[:height, :width]
    read(np.asarray(picture, np.uint8))


def test_blank_paper_is_blank_in_every_light() -> None:
    rng = np.random.default_rng(8)
    for scene in (Scene(), Scene(noise=0), Scene(light=0.7, noise=6), Scene(paper=90), Scene(specks=25), WIDE):
        assert read(draw_blank(rng, scene)) is SegmentReason.BLANK


def test_a_covered_lens_is_blank() -> None:
    dark = np.random.default_rng(9).integers(0, 30, (240, 320)).astype(np.uint8)
    assert read(dark) is SegmentReason.BLANK
    assert read(np.zeros((240, 320), np.uint8)) is SegmentReason.BLANK


def test_more_ink_than_writing_has_is_overfull() -> None:
    checks = np.kron(np.indices((30, 40)).sum(axis=0) % 2, np.ones((8, 8), np.int64))
    assert read(np.where(checks, 20, 230).astype(np.uint8)) is SegmentReason.OVERFULL
    gravel = np.kron(np.random.default_rng(10).random((120, 160)) < 0.2, np.ones((2, 2), np.int64))
    assert read(np.where(gravel, 20, 230).astype(np.uint8)) is SegmentReason.JOINED


def test_more_symbols_than_a_word_has_room_for_are_too_many(writing: FragmentSet) -> None:
    rng = np.random.default_rng(11)
    scene = Scene(per_line=10, zoom=0.8, slope=0, jitter=0)
    assert read(draw_picture(writing.pixels[: MAX_SYMBOLS + 12], rng, scene)) is SegmentReason.TOO_MANY


@pytest.mark.parametrize("shape", [(15, 320), (240, 15), (641, 100), (100, 641), (300, 300), (1, 1)])
def test_sizes_that_no_camera_has_are_refused(shape: tuple[int, int]) -> None:
    assert read(np.full(shape, 200, np.uint8)) is SegmentReason.SIZE


def test_the_edge_of_the_sheet_is_no_symbol(writing: FragmentSet) -> None:
    rng = np.random.default_rng(12)
    picture = draw_picture(writing.pixels[:6], rng, Scene(per_line=6))
    picture[:, :3] = 30
    picture[-2:] = 40
    word = read(picture)
    assert isinstance(word, list)
    assert len(word) == 6


def test_a_dot_above_belongs_to_its_stem() -> None:
    picture = np.full((120, 160), 220, np.uint8)
    for left in (40, 80):
        picture[50:80, left : left + 4] = 40
        picture[40:44, left : left + 4] = 40
    word = read(picture)
    assert isinstance(word, list)
    assert len(word) == 2


def test_ink_fills_25_pixels_and_its_mass_lies_in_the_middle(writing: FragmentSet) -> None:
    rng = np.random.default_rng(13)
    for zoom in (0.7, 1.0, 2.0):
        word = read(draw_picture(writing.pixels[:4], rng, Scene(zoom=zoom, per_line=4, noise=1, light=0.1)))
        assert isinstance(word, list)
        for fragment in word:
            grey = np.frombuffer(fragment, np.uint8).reshape(33, 33).astype(float)
            rows, columns = np.indices(grey.shape)
            ink = grey >= 128
            wide, high = (int(np.ptp(np.flatnonzero(ink.any(axis=axis)))) + 1 for axis in (0, 1))
            # 25; ends lie between pixels, and where a stroke ends in a point smoothing takes up to two pixels of it.
            assert 20 <= max(wide, high) <= 27
            # Half a pixel: ink is black and white before it is drawn, grey levels saturate.
            assert np.hypot((grey * columns).sum() / grey.sum() - 16, (grey * rows).sum() / grey.sum() - 16) < 0.75


def test_one_segmenter_reads_one_picture_after_another(writing: FragmentSet) -> None:
    rng, twin = np.random.default_rng(14), Twin()
    scenes = [Scene(), WIDE, replace(Scene(), specks=20), Scene(width=100, height=50, per_line=4)]
    pictures = [draw_picture(writing.pixels[:4], rng, scene) for scene in scenes] + [draw_blank(rng)]
    fresh = [Twin().read(picture) for picture in pictures]
    assert [twin.read(picture) for picture in pictures] == fresh
    assert [twin.read(picture) for picture in reversed(pictures)] == fresh[::-1]


def test_a_fragment_that_is_not_there_is_paper() -> None:
    twin = Twin()
    assert twin.read(np.full((64, 64), 220, np.uint8)) is SegmentReason.BLANK
    assert not any(twin.fragment(0))
    assert not any(twin.fragment(-1))
