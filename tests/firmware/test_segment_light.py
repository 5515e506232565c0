"""Shadows, printed lines, blur: the word as C and Python see it, or a reason; never a symbol less in silence."""

from collections import Counter

import clib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_light import (
    Disturbance,
    blurred,
    box,
    cells,
    comb,
    photograph,
    plain,
    ruled,
    shadow,
    two_shadows,
    underline,
    uneven,
    write,
)
from segment_twin import Twin, read

from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet
from edge.ink.segment import SegmentReason
from train.synthetic.writers import synthetic_set

RIGHT: dict[str, tuple[Disturbance, float]] = {
    "shadow of a third": (shadow(0.35), 0.95),
    "shadow of two thirds": (shadow(0.65), 0.95),
    "slanted shadow": (shadow(0.6, slant=0.3), 0.8),
    "soft shadow": (shadow(0.6, soft=12, slant=0.2), 0.95),
    "broad shadow": (two_shadows(0.6), 0.95),
    "light from one side": (uneven(0.8), 0.95),
    "box": (box(10), 0.95),
    "thin box": (box(8, thick=1, grey=80), 0.9),
    "cells": (cells(8), 0.8),
    "comb": (comb(0.35), 0.9),
    "comb without a base": (comb(0.3, base=False), 0.8),
    "underline": (underline(2), 0.9),
    "underline through the feet": (underline(-1, thick=1), 0.8),
    "underline askew": (underline(3, tilt=0.03), 0.9),
    "faint rules": (ruled(20, grey=170), 0.8),
    "rules": (ruled(34, grey=120), 0.8),
    "squares": (ruled(40, grey=120, squared=True), 0.7),
}
"""What is done to a sheet -> it, and the least share of words that are delivered whole."""
WORDS = 12


@pytest.fixture(scope="module")
def writing() -> FragmentSet:
    return synthetic_set(40, 20, seed=22)


def pictures(writing: FragmentSet, disturb: Disturbance, blur: float = 0.0) -> list[tuple[int, Pixels]]:
    """Return pictures of WORDS words with the number of their symbols."""
    rng, drawn = np.random.default_rng(31), []
    for _ in range(WORDS):
        symbols = int(rng.integers(4, 10))
        sheet = write(writing.pixels[rng.integers(len(writing), size=symbols)], rng)
        drawn.append((symbols, photograph(disturb(sheet, rng), rng, blur=blur)))
    return drawn


def outcomes(taken: list[tuple[int, Pixels]]) -> Counter[str]:
    told: Counter[str] = Counter()
    for symbols, picture in taken:
        word = read(picture)
        told["refused" if isinstance(word, SegmentReason) else "right" if len(word) == symbols else "wrong"] += 1
    return told


@pytest.mark.parametrize("name", RIGHT)
def test_a_word_is_delivered_whole_and_no_symbol_is_lost_in_silence(name: str, writing: FragmentSet) -> None:
    disturb, least = RIGHT[name]
    told = outcomes(pictures(writing, disturb))
    assert told["right"] >= least * WORDS, told
    assert told["wrong"] <= 1, told  # of 12; two symbols that an arc of a line joins


@pytest.mark.parametrize("blur", [1, 2, 3, 4])
def test_a_blurred_word_is_whole_or_refused(blur: float, writing: FragmentSet) -> None:
    told = outcomes(pictures(writing, plain, blur))
    assert told["wrong"] <= 1, told  # of 12, at a blur as wide as the pen
    assert blur > 2 or told["right"] >= WORDS - 1, told


def test_ruled_paper_without_writing_is_blank() -> None:
    rng = np.random.default_rng(5)
    for disturb in (
        ruled(20, thick=2, grey=90),
        ruled(30, thick=2, grey=60),
        ruled(24, thick=2, grey=90, squared=True),
    ):
        sheet = write(np.zeros((0, 33, 33), np.uint8), rng)
        assert read(photograph(disturb(sheet, rng), rng)) is SegmentReason.BLANK


def test_a_picture_in_the_dark_is_too_dark(writing: FragmentSet) -> None:
    rng = np.random.default_rng(6)
    sheet = write(writing.pixels[:6], rng)
    black = np.where(np.arange(320) > 150, 0.02, 1.0)
    assert read(photograph(sheet.grey * black, rng, noise=6)) is SegmentReason.DARK


def test_writing_at_the_edge_of_the_picture_is_refused(writing: FragmentSet) -> None:
    rng = np.random.default_rng(7)
    sheet = write(writing.pixels[:5], rng)
    cut = photograph(np.roll(sheet.grey, -sheet.box[0] - 12, axis=1), rng)
    assert read(cut) is SegmentReason.EDGE


def test_symbols_that_a_bar_joins_are_refused(writing: FragmentSet) -> None:
    rng = np.random.default_rng(8)
    sheet = write(writing.pixels[:6], rng)
    left, top, right, bottom = sheet.box
    middle = (top + bottom) // 2
    struck = sheet.grey.copy()
    struck[middle - 7 : middle + 7, left - 5 : right + 5] = 45  # too thick for a printed line
    assert read(photograph(blurred(struck, 0.6), rng)) in (SegmentReason.JOINED, SegmentReason.UNSURE)


def test_what_a_board_tells_the_host_is_what_look_says() -> None:
    source = (clib.FIRMWARE / "apps" / "camera_app.c").read_text()
    for reason in SegmentReason:
        assert len(reason.told) <= 64
        assert reason is SegmentReason.SIZE or f'"{reason.told}"' in source


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_light_and_any_lines_give_the_same_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sheet = write(synthetic_set(1, 12, seed=seed % 1000).pixels, rng, zoom=float(rng.uniform(0.4, 1.6)))
    some: list[Disturbance] = [
        shadow(float(rng.uniform(0.1, 0.95)), float(rng.uniform(0, 30)), float(rng.normal(0, 0.5))),
        ruled(float(rng.uniform(5, 60)), float(rng.uniform(0.5, 4)), float(rng.uniform(0, 200)), 0.05, bool(seed % 2)),
        cells(
            float(rng.uniform(-5, 20)), float(rng.uniform(1, 5)), float(rng.uniform(0, 150)), float(rng.uniform(0, 9))
        ),
        comb(float(rng.uniform(0.1, 0.9)), float(rng.uniform(-5, 9)), float(rng.uniform(1, 5))),
        underline(float(rng.uniform(-20, 20)), float(rng.uniform(1, 9)), 50, float(rng.normal(0, 0.05))),
        box(float(rng.uniform(-10, 30)), float(rng.uniform(1, 9))),
    ]
    picture = photograph(
        some[int(rng.integers(len(some)))](sheet, rng), rng, float(rng.uniform(0, 20)), float(rng.uniform(0, 4))
    )
    read(picture)
    read(np.ascontiguousarray(picture.T[:, :240]))


def test_a_twin_reads_a_picture_without_changing_that_of_python(writing: FragmentSet) -> None:
    rng = np.random.default_rng(9)
    picture = photograph(write(writing.pixels[:4], rng).grey, rng)
    kept = picture.copy()
    Twin().read(picture)
    assert (picture == kept).all()
