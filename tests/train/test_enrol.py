from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_sets import save_raw

from edge.bundle.run_directory import Run
from edge.bundle.run_files import CALIBRATION, CONFIG, DEVELOPMENT, ENROL, HELD, MODEL, TEST
from edge.errors import NamesError
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.errors import UnwritableError
from train.data import datasets
from train.enrol import Order, load, train_draws
from train.errors import FarUnknownError, OverwriteError, TooFewWritersError
from train.network import fit_users
from train.network.backbone import Backbone
from train.synthetic import writers
from train.synthetic.writers import style_of
from train.trained_run import load_model

MakeBackbone = Callable[..., Backbone]


def fragments_of(part: FragmentSet, writer: int) -> set[bytes]:
    return {pixels.tobytes() for pixels in part.pixels[part.writer == writer]}


def test_users_enrol_with_the_first_65_percent_of_their_form_and_are_tested_on_the_last_20(
    run: Run, hands: FragmentSet
) -> None:
    mine, held, test = run.fragments(ENROL), run.fragments(HELD), run.fragments(TEST)
    assert set(mine.writers.tolist()) == set(run.config.user_writers)
    for user in run.config.user_writers:
        written = int((hands.writer == user).sum())
        cut, until = int(0.65 * written), int(0.8 * written)
        assert sorted(mine.order[mine.writer == user]) == list(range(cut))
        assert sorted(held.order[held.writer == user]) == list(range(cut, until))
        assert sorted(test.order[test.writer == user]) == list(range(until, written))


def test_strangers_and_development_writers_are_nobody_that_was_trained_on(run: Run, hands: FragmentSet) -> None:
    users, split = set(run.config.user_writers), datasets.split_writers(hands)
    strangers = set(run.fragments(TEST).writers.tolist()) - users
    development = set(run.fragments(DEVELOPMENT).writers.tolist())
    background = set(run.fragments(CALIBRATION).writers.tolist()) - users
    assert strangers
    assert development
    assert background <= set(split.background)
    groups = (users, strangers, development, set(split.background))
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_a_run_holds_fragments_as_the_wire_carries_them(run: Run) -> None:
    for name in (ENROL, CALIBRATION, DEVELOPMENT, HELD, TEST):
        assert run.fragments(name).pixel_bits == 1


def test_the_names_of_users_stand_in_label_order(run: Run, hands: FragmentSet) -> None:
    assert run.config.users == tuple(hands.name_of(writer) for writer in run.config.user_writers)
    assert run.config.data_sha256 == hands.sha256


def test_the_same_order_gives_the_same_network_from_enrolment_and_background_alone(
    order: Order,
    make_backbone: MakeBackbone,
    hands: FragmentSet,
    run: Run,
    tmp_path: Path,
    weights: Callable[[Run], list[np.ndarray]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}
    original = fit_users.enrol

    def watched(backbone: Any, plan: Any, users: Any, writers: Any, strangers: Any, *rest: Any, **more: Any) -> Any:
        seen.update(users=users, writers=writers, strangers=strangers)
        return original(backbone, plan, users, writers, strangers, *rest, **more)

    monkeypatch.setattr(fit_users, "enrol", watched)
    again = train_draws(order, make_backbone(), tmp_path / "run", 1)[0]
    for one, other in zip(weights(run), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in (ENROL, CALIBRATION, DEVELOPMENT, HELD, TEST):
        assert again.fragments(name).sha256 == run.fragments(name).sha256
    assert seen["users"].to_bits(1).sha256 == run.fragments(ENROL).sha256
    assert tuple(seen["writers"]) == run.config.user_writers
    assert tuple(seen["strangers"].writers) == datasets.split_writers(hands).background


class Enrolment:
    """A substitute for fit_users.enrol that counts enrolments and returns an existing network."""

    def __init__(self, model: Any) -> None:
        self.calls, self._model = 0, model

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        self.calls += 1
        return self._model, [(1, 1.0)]


@pytest.fixture
def enrolment(run: Run, monkeypatch: pytest.MonkeyPatch) -> Enrolment:
    stand_in = Enrolment(load_model(run))
    monkeypatch.setattr(fit_users, "enrol", stand_in)
    return stand_in


def test_a_finished_draw_is_not_repeated_and_a_missing_one_is_made(
    order: Order, make_backbone: MakeBackbone, own_run: Run, enrolment: Enrolment
) -> None:
    later = replace(order, command="inkgate train, typed otherwise")
    assert train_draws(later, make_backbone(), own_run.path, 1)[0].config == own_run.config
    assert enrolment.calls == 0
    runs = train_draws(order, make_backbone(), own_run.path, 2)
    assert enrolment.calls == 1
    assert runs[1].path == own_run.path / "draws" / "1"
    assert not set(runs[0].config.user_writers) & set(runs[1].config.user_writers)


@pytest.mark.parametrize("change", ["steps", "backbone", "damaged config", "no network"])
def test_a_draw_made_otherwise_or_damaged_is_made_again(
    order: Order, make_backbone: MakeBackbone, own_run: Run, enrolment: Enrolment, change: str
) -> None:
    backbone = make_backbone(seed=2 if change == "backbone" else 1)
    order = replace(order, replace=change in ("steps", "backbone"))
    match change:
        case "steps":
            order = replace(order, enrol=replace(order.enrol, steps=order.enrol.steps + 1))
        case "damaged config":
            (own_run.path / CONFIG).write_text("{")
        case "no network":
            (own_run.path / MODEL).unlink()
    made = train_draws(order, backbone, own_run.path, 1)[0]
    assert enrolment.calls == 1
    assert made.config.settings == asdict(order.enrol)
    assert load_model(made).get_weights()


@pytest.mark.parametrize("change", ["users", "steps", "backbone", "held"])
def test_a_run_made_otherwise_stays_unless_the_order_says_replace(
    order: Order, make_backbone: MakeBackbone, own_run: Run, enrolment: Enrolment, hands: FragmentSet, change: str
) -> None:
    backbone = make_backbone(seed=2 if change == "backbone" else 1)
    if change == "held":  # as an earlier version has left it
        (own_run.path / HELD).unlink()
    before = {file.name: file.read_bytes() for file in own_run.path.iterdir()}
    match change:
        case "steps":
            order = replace(order, enrol=replace(order.enrol, steps=order.enrol.steps + 1))
        case "users":
            renamed = tuple(f"other {writer}" for writer in hands.writers)
            replace(hands, writer_names=renamed).save(own_run.path.parent / "others.npz")
            order = replace(order, dataset=str(own_run.path.parent / "others.npz"))
    said = {
        "users": "other users .*" + own_run.config.users[0],
        "steps": "settings",
        "backbone": "backbone",
        "held": "no held.npz",
    }[change]
    with pytest.raises(OverwriteError, match=rf"{said}.*--force") as caught:
        train_draws(order, backbone, own_run.path, 1)
    assert caught.value.exit_code == 2
    assert enrolment.calls == 0
    assert {file.name: file.read_bytes() for file in own_run.path.iterdir()} == before


def test_what_a_replaced_run_was_measured_to_be_goes_with_it(
    order: Order, make_backbone: MakeBackbone, own_run: Run, enrolment: Enrolment
) -> None:
    for name in ("card.md", "metrics.json", "det.svg"):
        (own_run.path / name).write_text("about the old one")
    later = replace(order, enrol=replace(order.enrol, seed=9), replace=True)
    train_draws(later, make_backbone(), own_run.path, 1)
    assert not {"card.md", "metrics.json", "det.svg"} & {file.name for file in own_run.path.iterdir()}


def test_a_bundle_is_no_place_for_a_run(order: Order, make_backbone: MakeBackbone, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(OverwriteError, match="is a bundle"):
        train_draws(order, make_backbone(), tmp_path, 1)


def test_draws_of_an_earlier_order_are_not_taken_for_draws_of_this_one(
    order: Order, make_backbone: MakeBackbone, own_run: Run, enrolment: Enrolment
) -> None:
    train_draws(order, make_backbone(), own_run.path, 2)
    assert len(Run.open(own_run.path).draws()) == 2
    train_draws(order, make_backbone(), own_run.path, 1)
    assert len(Run.open(own_run.path).draws()) == 2
    assert enrolment.calls == 1
    later = replace(order, enrol=replace(order.enrol, seed=9), replace=True)
    train_draws(later, make_backbone(), own_run.path, 1)
    assert len(Run.open(own_run.path).draws()) == 1


def test_users_of_a_file_are_all_enrolled_where_strangers_come_from_elsewhere(
    order: Order,
    make_backbone: MakeBackbone,
    hands: FragmentSet,
    hands_file: Path,
    tmp_path: Path,
    enrolment: Enrolment,
) -> None:
    own = FragmentSet(
        hands.pixels[:126],
        np.repeat(np.array([4, 0, 7], np.int32), 42),  # ids that the strangers have too
        hands.symbol[:126],
        np.tile(np.arange(42, dtype=np.int32), 3),
        ("Ada", "Ben", "Cleo"),
    ).of_kind("invented")
    own.save(tmp_path / "own.npz")
    mixed = replace(order, dataset=str(tmp_path / "own.npz"), strangers=str(hands_file))
    run = train_draws(mixed, make_backbone(), tmp_path / "run", 1)[0]
    assert run.config.users == ("Ada", "Ben", "Cleo")
    assert run.config.user_writers == (0, 4, 7)
    assert run.config.strangers == str(hands_file)
    for user in run.config.user_writers:
        assert fragments_of(run.fragments(ENROL), user) <= fragments_of(own.to_bits(1), user)
    groups = [set(run.fragments(name).writers.tolist()) - {0, 4, 7} for name in (TEST, DEVELOPMENT, CALIBRATION)]
    split = datasets.split_writers(hands)
    assert [len(group) for group in groups] == [len(split.evaluation), len(split.development), len(split.background)]
    assert len(set().union(*groups)) == len(hands.writers)
    assert run.config.far_known
    with pytest.raises(TooFewWritersError, match="3 writers, 3 with 40 fragments or more: too few for 4 users"):
        train_draws(replace(mixed, users=4), make_backbone(), tmp_path / "more", 1)


@pytest.mark.parametrize(
    ("users", "strangers"),
    [("unknown", "invented"), ("pen", "invented"), ("pen", "scan"), ("unknown", "unknown"), ("camera", "pen")],
)
def test_strangers_of_another_or_an_unknown_kind_of_input_are_refused_unless_the_order_allows_them(
    order: Order,
    make_backbone: MakeBackbone,
    hands: FragmentSet,
    tmp_path: Path,
    enrolment: Enrolment,
    users: str,
    strangers: str,
) -> None:
    ours, others = hands.writers[:3], hands.writers[3:]
    hands.of_writers(ours).of_kind(users).save(tmp_path / "ours.npz")
    hands.of_writers(others).of_kind(strangers).save(tmp_path / "others.npz")
    mixed = replace(order, dataset=str(tmp_path / "ours.npz"), strangers=str(tmp_path / "others.npz"))
    with pytest.raises(FarUnknownError, match=rf"{users}; of the strangers.*{strangers}.*97 %.*users add") as caught:
        train_draws(mixed, make_backbone(), tmp_path / "run", 1)
    assert caught.value.exit_code == 2
    assert enrolment.calls == 0
    made = train_draws(replace(mixed, far_unknown=True), make_backbone(), tmp_path / "run", 1)[0]
    assert not made.config.far_known
    assert not Run.open(tmp_path / "run").config.far_known


def test_strangers_of_the_users_kind_have_a_known_far_whatever_the_order_allows(
    order: Order, make_backbone: MakeBackbone, hands: FragmentSet, tmp_path: Path, enrolment: Enrolment
) -> None:
    for name, chosen in {"ours": hands.writers[:3], "others": hands.writers[3:]}.items():
        hands.of_writers(chosen).of_kind("pen").save(tmp_path / f"{name}.npz")
    same = replace(order, dataset=str(tmp_path / "ours.npz"), strangers=str(tmp_path / "others.npz"), far_unknown=True)
    assert train_draws(same, make_backbone(), tmp_path / "run", 1)[0].config.far_known


def test_too_few_fragments_to_enrol_are_refused_with_everybodys_number(
    order: Order, hands: FragmentSet, hands_file: Path, tmp_path: Path
) -> None:
    first, second, third = (np.flatnonzero(hands.writer == writer) for writer in hands.writers[:3])
    hands.select(np.concatenate([first[:40], second[:39], third[:24]])).save(tmp_path / "own.npz")
    few = replace(order, dataset=str(tmp_path / "own.npz"), strangers=str(hands_file))
    with pytest.raises(TooFewWritersError, match=rf"1 with 40 .*\({hands.writers[1]} 39, {hands.writers[2]} 24\)"):
        load(few)
    assert load(replace(few, users=1)).own == (int(hands.writers[0]),)


def test_invented_strangers_are_none_of_the_invented_writers_of_the_dataset() -> None:
    mine = {style_of(writer).size_mm for writer in range(datasets.SYNTHETIC_WRITERS)}
    strangers = {style_of(writer, datasets.STRANGERS_SEED).size_mm for writer in range(datasets.SYNTHETIC_WRITERS)}
    assert len(mine) == len(strangers) == datasets.SYNTHETIC_WRITERS
    assert not mine & strangers


def test_strangers_are_invented_with_their_own_seed(monkeypatch: pytest.MonkeyPatch, hands: FragmentSet) -> None:
    seeds: list[int] = []

    def invent(count: int, per_writer: int, seed: int, *rest: Any) -> FragmentSet:
        seeds.append(seed)
        return hands

    monkeypatch.setattr(writers, "synthetic_set", invent)
    datasets.load("synthetic")
    datasets.load_strangers("synthetic")
    assert seeds == [0, datasets.STRANGERS_SEED]


def test_strangers_from_the_dataset_itself_are_refused(order: Order) -> None:
    with pytest.raises(TooFewWritersError, match="strangers too"):
        load(replace(order, strangers=order.dataset))


@pytest.mark.parametrize(
    ("name", "says"), [("twin", "2 writers are called 'twin'"), (" ", "printable"), ("a\nb", "printable")]
)
def test_names_that_a_gate_cannot_say_are_refused_before_any_work(
    order: Order,
    hands: FragmentSet,
    make_backbone: MakeBackbone,
    tmp_path: Path,
    enrolment: Enrolment,
    name: str,
    says: str,
) -> None:
    first = "twin" if name == "twin" else "first"
    names = (first, name, *(f"writer {number}" for number in hands.writers[2:]))
    save_raw(hands, tmp_path / "named.npz", writer_names=names)
    with pytest.raises(NamesError, match=says):
        train_draws(replace(order, dataset=str(tmp_path / "named.npz")), make_backbone(), tmp_path / "run", 1)
    assert enrolment.calls == 0


def test_names_are_checked_before_a_stranger_is_invented(
    order: Order, hands: FragmentSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invent(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("strangers are invented")

    monkeypatch.setattr(writers, "synthetic_set", invent)
    save_raw(hands, tmp_path / "named.npz", writer_names=("twin",) * len(hands.writers))
    with pytest.raises(NamesError, match="a name of its own"):
        load(replace(order, dataset=str(tmp_path / "named.npz"), strangers="synthetic"))


def test_a_user_called_as_a_stranger_is_numbered_is_refused(
    order: Order, hands: FragmentSet, hands_file: Path, tmp_path: Path
) -> None:
    own = hands.of_writers(hands.writers[:2])
    number = int(own.writers.max()) + 1  # the first stranger's
    replace(own, writer_names=("Ada", str(number))).save(tmp_path / "own.npz")
    with pytest.raises(NamesError, match=f"2 writers are called '{number}'"):
        load(replace(order, dataset=str(tmp_path / "own.npz"), strangers=str(hands_file), users=1))


def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    order: Order, make_backbone: MakeBackbone, tmp_path: Path, enrolment: Enrolment
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="--out"):
        train_draws(order, make_backbone(), tmp_path / "file" / "run", 1)
    assert enrolment.calls == 0


"""A program: `inkgate` with a checkpoint every 2 steps instead of every 1,000."""
