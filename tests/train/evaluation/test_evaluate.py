import numpy as np
import pytest

from edge.decision.error_rates import eer, far_floor
from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import Verdict, decide
from edge.decision.thresholds import fit_thresholds
from train.evaluation.evaluate import FARS, Scored, det_curves, evaluate, gate_error_rates
from train.evaluation.protocols.written import independent_words

USERS, STRANGERS, WORDS = 3, 12, 8


def scored(seed: int = 0, gap: float = 2.0, drawn: int = WORDS) -> Scored:
    """Draw evidence of known distribution that grows more certain with every symbol."""
    rng = np.random.default_rng(seed)
    certainty = np.sqrt(np.arange(1, MAX_SYMBOLS + 1))[None, :, None]
    labels = np.repeat(np.arange(USERS), drawn)
    mine = rng.normal(size=(len(labels), MAX_SYMBOLS, USERS))
    mine[np.arange(len(labels)), :, labels] += gap * certainty[0].T
    theirs = rng.normal(size=(STRANGERS * drawn, MAX_SYMBOLS, USERS))
    development = rng.normal(size=(500, MAX_SYMBOLS, USERS)).max(axis=2)
    return Scored(
        ("a", "b", "c"),
        mine,
        labels,
        labels + 100,
        theirs,
        np.repeat(np.arange(STRANGERS), drawn),
        110,
        fit_thresholds(development),
    )


@pytest.fixture(scope="module")
def metrics() -> dict:
    return evaluate([scored(0), scored(1)], rounds=30)


def test_the_eer_is_the_mean_over_draws_of_verification_against_strangers(metrics: dict) -> None:
    for symbols in (1, 8, 20):
        values = []
        for draw in (scored(0), scored(1)):
            own = draw.mine[np.arange(len(draw.labels)), symbols - 1, draw.labels]
            values.append(100 * eer(own, draw.theirs[:, symbols - 1].ravel()))
        assert metrics["eer"][str(symbols)]["value"] == pytest.approx(np.mean(values), abs=1e-3)  # rounded


def test_every_figure_is_there_for_1_to_20_symbols_within_its_bounds(metrics: dict) -> None:
    tables = [metrics[n] for n in ("eer", "eer_other_users", "rank1", "identification_eer")]
    tables += [*metrics["frr_at_far"].values(), metrics["gate"]["far"], metrics["gate"]["frr"]]
    for table in tables:
        assert list(table) == [str(t) for t in range(1, MAX_SYMBOLS + 1)]
        assert all(0 <= b["low"] <= b["high"] <= 100 for b in table.values())
    assert metrics["eer"]["20"]["value"] < metrics["eer"]["1"]["value"]


def test_no_far_is_quoted_below_three_in_n(metrics: dict) -> None:
    words = metrics["trials"]["independent_stranger_words"]
    for symbols in words:
        for asked, table in zip(FARS, metrics["frr_at_far"].values(), strict=True):
            assert table[symbols]["far"] >= 100 * max(asked, far_floor(words[symbols] * USERS)) - 1e-3
        if int(symbols) >= metrics["gate"]["min_symbols"]:
            assert metrics["gate"]["far"][symbols]["value"] >= 100 * far_floor(words[symbols]) - 1e-3


def test_the_gate_refuses_every_word_of_fewer_symbols_than_it_asks_for(metrics: dict) -> None:
    assert metrics["gate"]["min_symbols"] == 4
    for symbols in ("1", "2", "3"):
        assert set(metrics["gate"]["far"][symbols].values()) == {0.0}
        assert set(metrics["gate"]["frr"][symbols].values()) == {100.0}
    assert 0 < metrics["gate"]["frr"]["4"]["value"] < 100


def test_the_gate_errs_as_often_as_its_own_decisions_on_the_same_logits() -> None:
    """Count by `decide`, word by word, on logits that have the evaluated evidence."""
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(40, MAX_SYMBOLS, USERS + 1))
    labels = np.arange(40) % USERS
    logits[np.arange(40), :, labels] += 2.0
    theirs = rng.normal(size=(60, MAX_SYMBOLS, USERS + 1))
    theirs[..., -1] += 0.5
    thresholds = fit_thresholds(rng.normal(-1.2, 0.3, size=(400, MAX_SYMBOLS)), 0.1, 0.3)
    names = ("a", "b", "c")
    draw = Scored(names, word_scores(logits), labels, labels + 100, word_scores(theirs), np.arange(60), 110, thresholds)
    for symbols in (1, 3, 4, 9, 20):
        mine = [decide(word[:symbols], thresholds, names, final=True) for word in logits]
        strangers = [decide(word[:symbols], thresholds, names, final=True) for word in theirs]
        far, frr = gate_error_rates([draw], symbols, rounds=20)
        assert far.value == pytest.approx(np.mean([d.verdict is Verdict.ACCEPT for d in strangers]))
        assert frr.value == pytest.approx(np.mean([d.user != names[k] for d, k in zip(mine, labels, strict=True)]))
    assert 0 < far.value < 1
    assert 0 < frr.value < 1


def test_independent_words_share_no_fragment() -> None:
    draw = scored()
    assert independent_words(draw.words(1)) == STRANGERS * WORDS  # no more than were drawn
    assert independent_words(draw.words(20)) == STRANGERS * (110 // 20)
    assert independent_words(*[draw.words(20)] * 3) == STRANGERS * (110 // 20)  # the same people, the same fragments


def test_a_user_taken_for_another_counts_as_refused_in_identification() -> None:
    draw = scored(gap=6.0)
    swapped = Scored(**{**vars(draw), "labels": (draw.labels + 1) % USERS})
    assert evaluate([swapped], rounds=20)["gate"]["frr"]["20"]["value"] == 100.0
    assert evaluate([draw], rounds=20)["gate"]["frr"]["20"]["value"] < 5.0


def test_one_user_alone_has_no_other_users() -> None:
    draw = scored()
    alone = Scored(
        ("a",), draw.mine[:WORDS, :, :1], draw.labels[:WORDS], draw.mine_writers[:WORDS],
        draw.theirs[:, :, :1], draw.theirs_writers, 110, draw.thresholds,
    )  # fmt: skip
    assert evaluate([alone], rounds=20)["eer_other_users"] == {}


def test_det_curves_pool_the_draws() -> None:
    curves = det_curves([scored(0), scored(1)], (1, 20))
    assert set(curves) == {1, 20}
    assert curves[20].eer < curves[1].eer
