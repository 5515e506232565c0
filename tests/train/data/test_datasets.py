"""Names load sets; splits never overlap and are equal for equal seeds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import FragmentSetError
from edge.ink.fragment_set import FragmentSet
from train.data import datasets
from train.data.contact_sheet import contact_sheet, save_sheet
from train.data.datasets import MIN_FRAGMENTS, Draw, WriterSplit, draw_users, enrolment_split, split_writers
from train.data.mnist import load_qmnist
from train.errors import MissingDataError, TooFewWritersError, UnknownDatasetError
from train.synthetic.writers import synthetic_set


def make_set(counts: dict[int, int], order_seed: int = 0) -> FragmentSet:
    """Return blank fragments, counts[w] by writer w, in shuffled order of writing."""
    rng = np.random.default_rng(order_seed)
    writer = np.repeat(np.array(list(counts), np.int32), list(counts.values()))
    order = np.concatenate([rng.permutation(n) for n in counts.values()]).astype(np.int32)
    symbol = np.full(len(writer), -1, np.int32)
    return FragmentSet(np.zeros((len(writer), 33, 33), np.uint8), writer, symbol, order)


counts = st.dictionaries(st.integers(0, 3000), st.integers(1, 80), min_size=12, max_size=60)
evaluations = st.sets(st.integers(0, 3000), min_size=2, max_size=60)


@given(counts, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_parts_cover_all_writers_and_never_overlap(numbers: dict[int, int], seed: int) -> None:
    fragments = make_set(numbers)
    try:
        split = split_writers(fragments, seed)
    except TooFewWritersError:
        assert sum(n >= MIN_FRAGMENTS for n in numbers.values()) < 0.27 * len(numbers) + 3
        return
    parts = (split.background, split.development, split.evaluation)
    assert sorted(w for part in parts for w in part) == sorted(numbers)
    assert all(len(part) > 0 for part in parts)
    assert all(numbers[w] >= MIN_FRAGMENTS for w in split.development + split.evaluation)
    assert split == split_writers(fragments, seed)


def test_a_set_of_qmnists_size_splits_into_400_40_and_99() -> None:
    split = split_writers(make_set(dict.fromkeys(range(539), MIN_FRAGMENTS)))
    assert (len(split.background), len(split.development), len(split.evaluation)) == (400, 40, 99)


def test_another_seed_splits_otherwise_and_the_order_of_fragments_does_not_matter() -> None:
    fragments = make_set(dict.fromkeys(range(60), 50))
    shuffled = fragments.select(np.random.default_rng(1).permutation(len(fragments)))
    assert split_writers(fragments) == split_writers(shuffled)
    assert split_writers(fragments, 1) != split_writers(fragments, 2)


@pytest.mark.parametrize("numbers", [{1: 100}, {1: 100, 2: 100}, dict.fromkeys(range(50), 5)])
def test_sets_that_cannot_be_split_say_why(numbers: dict[int, int]) -> None:
    with pytest.raises(TooFewWritersError, match=f"{MIN_FRAGMENTS} fragments"):
        split_writers(make_set(numbers))


def split_of(evaluation: set[int]) -> WriterSplit:
    return WriterSplit((9001,), (9002,), tuple(sorted(evaluation)))


@given(evaluations, st.integers(1, 60), st.integers(0, 40), st.integers(0, 3))
def test_a_draw_is_users_and_all_other_evaluation_writers(ids: set[int], users: int, draw: int, seed: int) -> None:
    split = split_of(ids)
    if users >= len(ids):
        with pytest.raises(TooFewWritersError, match="at most"):
            draw_users(split, users, draw, seed)
        return
    drawn = draw_users(split, users, draw, seed)
    assert len(drawn.users) == users
    assert sorted(drawn.users + drawn.strangers) == sorted(ids)
    assert drawn.users == tuple(sorted(drawn.users))
    assert drawn == draw_users(split, users, draw, seed)


@given(evaluations, st.integers(1, 20), st.integers(0, 3))
def test_draws_share_no_user_until_the_writers_run_out(ids: set[int], users: int, seed: int) -> None:
    if users >= len(ids):
        return
    draws = [draw_users(split_of(ids), users, draw, seed) for draw in range(len(ids) // users)]
    together = [user for drawn in draws for user in drawn.users]
    assert len(together) == len(set(together))


def test_five_draws_of_ten_users_differ() -> None:
    draws: list[Draw] = [draw_users(split_of(set(range(99))), 10, draw) for draw in range(5)]
    assert len({drawn.users for drawn in draws}) == 5


@pytest.mark.parametrize(("users", "draw"), [(0, 0), (3, -1)])
def test_impossible_draws_are_a_mistake_of_the_caller(users: int, draw: int) -> None:
    with pytest.raises(ValueError, match="count from"):
        draw_users(split_of(set(range(9))), users, draw)


@given(st.dictionaries(st.integers(0, 50), st.integers(5, 90), min_size=1, max_size=6), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_what_was_written_first_enrols_the_next_is_held_back_and_the_rest_tests(
    numbers: dict[int, int], seed: int
) -> None:
    fragments = make_set({**numbers, 99: 7}, seed)
    parts = enrolment_split(fragments, list(numbers))
    for writer, n in numbers.items():
        first, held, rest = (sorted(part.order[part.writer == writer]) for part in parts)
        assert first + held + rest == list(range(n))
        assert len(first) == int(0.65 * n)
        assert len(first) + len(held) == int(0.8 * n)
    assert all(99 not in part.writers for part in parts)


def test_a_user_with_one_fragment_cannot_enrol() -> None:
    with pytest.raises(TooFewWritersError, match="writer 4"):
        enrolment_split(make_set({3: 50, 4: 1}), [3, 4])


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownDatasetError, match=r"qmnist, synthetic, .*unipen-sessions or a path"):
        datasets.load("omniglot")


def test_a_file_is_loaded_at_the_bits_asked_for(tmp_path: Path) -> None:
    grey = synthetic_set(2, 5)
    grey.save(tmp_path / "mine.npz")
    assert datasets.load(str(tmp_path / "mine.npz"), pixel_bits=8).sha256 == grey.sha256
    assert datasets.load(str(tmp_path / "mine.npz")).sha256 == grey.to_bits(1).sha256


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FragmentSetError, match=r"absent\.npz"):
        datasets.load(str(tmp_path / "absent.npz"))


def test_synthetic_writers_are_loaded_with_progress() -> None:
    seen: list[tuple[int, int]] = []
    loaded = datasets.load(
        "synthetic", writers=3, per_writer=4, seed=8, symbols="xyz", progress=lambda *at: seen.append(at)
    )
    assert loaded.sha256 == synthetic_set(3, 4, 8, "xyz").of_kind("invented").to_bits(1).sha256
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_contact_sheet_shows_black_ink_a_row_a_writer(tmp_path: Path) -> None:
    fragments = synthetic_set(5, 12)
    picture = contact_sheet(fragments, rows=3, columns=8, zoom=1)
    assert picture.shape == (3 * 35 + 2, 8 * 35 + 2)
    middle = fragments.of_writers([2])
    first = middle.pixels[np.lexsort((middle.order, middle.symbol))[0]]
    np.testing.assert_array_equal(picture[37:70, 2:35], 255 - first)
    save_sheet(fragments, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[1:4] == b"PNG"


def test_qmnist_is_the_data_that_the_design_describes() -> None:
    try:
        fragments = load_qmnist()
    except MissingDataError as error:
        pytest.skip(f"no real handwriting on this machine: {error}")
    per_writer = np.unique(fragments.writer, return_counts=True)[1]
    assert (len(fragments), len(per_writer), per_writer.min(), per_writer.max()) == (60_000, 539, 19, 131)
    assert np.median(per_writer) == 116
    ink = fragments.pixels >= 128
    border = ink[:, [0, -1]].any(axis=(1, 2)) | ink[:, :, [0, -1]].any(axis=(1, 2))
    assert border.mean() < 0.02
    assert fragments.to_bits(1).sha256 == "7b8a2cb7ec119c623e51d00f0c205ffe2b5a6080389740c41e8eee2284388c3f"


@given(st.integers(41, 90), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_unipens_development_writers_are_40_who_wrote_enough(able: int, others: int) -> None:
    writer = np.concatenate([np.repeat(np.arange(able), 60), np.repeat(np.arange(able, able + others), 59)])
    development = datasets.unipen_development(writer)
    assert len(development) == len(set(development)) == 40
    assert list(development) == sorted(development)
    assert set(development) <= set(range(able))
    assert datasets.unipen_development(np.random.default_rng(1).permutation(writer)) == development


def test_reports_are_of_writers_on_whom_no_backbone_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    scans, pens = make_set(dict.fromkeys(range(60), 50)), make_set(dict.fromkeys(range(70), 61))
    traced = make_set(dict.fromkeys(range(60), 30))  # as few, of whom nobody could be split by himself
    monkeypatch.setattr(datasets, "load", lambda name, **_: {"qmnist": scans}[name])
    evaluation = split_writers(scans).evaluation
    assert datasets.reported_writers("qmnist", scans) == evaluation == datasets.reported_writers("qmnist-ink", traced)
    assert datasets.reported_writers("unipen", pens) == datasets.unipen_development(pens.writer)
    assert datasets.reported_writers("qmnist-of-my-own.npz", traced) == tuple(range(60))


@pytest.mark.needs("ink")
def test_of_familiar_writers_the_ready_bundle_knows_what_is_told() -> None:
    pens = datasets.load_strokes("unipen").writer
    development = datasets.unipen_development(pens)
    background = np.setdiff1d(pens, development)
    known = {name: np.unique(datasets.load_strokes(name).writer) for name in datasets.FAMILIAR}
    assert np.isin(known["unipen-sessions"], background).all()
    assert np.isin(known["unipen-letters"], background).mean() > 0.5
    blank = make_set(dict(zip(*(part.tolist() for part in np.unique(pens, return_counts=True)), strict=True)))
    assert 0 < np.isin(development, split_writers(blank).background).mean() < 1


def test_too_few_writers_for_unipens_development_are_refused() -> None:
    with pytest.raises(TooFewWritersError, match="data info"):
        datasets.unipen_development(np.repeat(np.arange(40), 60))
