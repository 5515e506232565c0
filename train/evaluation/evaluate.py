"""A run or a bundle, words of users and strangers -> error rates by number of symbols, with bounds.

Two questions are asked of every word.
    Verification: the writer claims to be user k. Genuine trials are users' words under their own names; impostor trials
    are strangers' words under every user's name, and users' words under another user's name.
    Identification: nobody claims a name. It is an error to accept a stranger as anyone, to refuse a user, or to take a
    user for another. The gate of `inkgate run` identifies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.bundle.origin import Origin, find_origin, sha256_of
from edge.bundle.places import MANIFEST
from edge.bundle.run_directory import Run
from edge.bundle.run_files import CONFIG, DEVELOPMENT, DRAWS, MODEL, TEST
from edge.decision.error_rates import (
    Bounds,
    Curve,
    Trials,
    bootstrap_figures,
    bootstrap_share,
    curve,
    far_floor,
    rank1_hits,
)
from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import FAR_UNKNOWN, judge
from edge.decision.thresholds import Thresholds, fit_thresholds
from edge.errors import FragmentSetError, RunError
from edge.ink.fragment import to_float, to_int8
from edge.ink.fragment_set import FragmentSet, sample_words
from train.evaluation.protocols.written import independent_words
from train.progress import Progress, silent
from train.trained_run import load_model, versions

Floats = NDArray[np.float64]
Drawn = TypeVar("Drawn")
Logits = Callable[[NDArray[np.uint8]], Floats]

WORDS_PER_USER, WORDS_PER_STRANGER = 40, 10
DEVELOPMENT_WORDS = 2000
FARS = (0.01, 0.001)
"""FARs at which the FRR is reported; where the trials are too few for one, the lowest FAR they support is taken."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One draw of users, scored: the evidence of W words after each symbol, and who wrote them.

    mine, theirs: evidence [W, 20, K] of users' and of strangers' words. mine_writers, theirs_writers: the writer's id
    of each word. labels: the user's number of each word in `mine`. fragments: the median of a stranger's fragments.
    thresholds: fixed on development writers.
    """

    users: tuple[str, ...]
    mine: Floats
    labels: NDArray[np.int64]
    mine_writers: NDArray[np.int64]
    theirs: Floats
    theirs_writers: NDArray[np.int64]
    fragments: int
    thresholds: Thresholds

    def words(self, symbols: int) -> tuple[NDArray[np.int64], dict[int, int]]:
        """Return who wrote each of strangers' words, and how many apart each of them can write.

        Words are apart if they share no fragment.
        """
        apart = max(1, self.fragments // symbols)
        return self.theirs_writers, dict.fromkeys(np.unique(self.theirs_writers).tolist(), apart)


def score(
    path: Path, fragments: Path | None = None, progress: Progress = silent, from_draw: int = 0
) -> tuple[list[Scored], dict[str, Any]]:
    """Score every draw of a RUN (float) or of a BUNDLE (int8, by the edge's own engine).

    Returns the scored draws, and what was scored with which arithmetic, runtime and kernels. Words are drawn from the
    run's test.npz, or from the file `fragments`, in which users are found by name and all others are strangers. Draws
    before `from_draw` are left out. Raises RunError when a bundle's run is not where it was and no file is given, or
    when no draw is left; raises OtherRunError when another run lies there.
    """
    if (path / MANIFEST).is_file():
        bundles = open_bundles(path, from_draw)
        engine = bundles[0][0].engine()
        about = {"arithmetic": "int8", "runtime": engine.runtime, "kernels": engine.kernels, **_subject(*bundles[0])}
        return [_score_bundle(bundle, origin, fragments, progress) for bundle, origin in bundles], about
    runs = _left(Run.open(path).draws(), from_draw)
    about = {"arithmetic": "float32", "runtime": f"tensorflow {versions()['tensorflow']}", "kernels": "tensorflow"}
    about |= _subject(None, Origin(runs[0].path, proved=True))
    return [_score_run(run, fragments, progress) for run in runs], about


def subject_run(about: Mapping[str, Any]) -> Run | None:
    """Return the run of the first draw that `score` scored, None if it was not there.

    `about` is the second result of `score`.
    """
    return Run.open(Path(about["run"]["path"])) if about.get("run") else None


def evaluate(draws: Sequence[Scored], rounds: int = 200, progress: Progress = silent) -> dict[str, Any]:
    """Compute all error rates in per cent by number of symbols, "1" to "20", for metrics.json.

    They are means over the draws, with 95 % bounds by bootstrap over writers and the number of trials behind them.
    `rounds` is that of the bootstrap. No FAR is given below 3/n, except the gate's for words of fewer than min_symbols
    or where the FAR is unknown: the gate refuses them all, so its FAR is 0 and its FRR 100.
    """
    claims = len(draws[0].users)
    min_symbols = min(draw.thresholds.min_symbols for draw in draws)
    far_known = all(draw.thresholds.far_known for draw in draws)
    tables: dict[str, dict[str, Any]] = {name: {} for name in ("eer", "eer_other_users", "rank1", "identification_eer")}
    at_far: dict[str, dict[str, Any]] = {f"{100 * far:g}": {} for far in FARS}
    gate: dict[str, dict[str, Any]] = {"far": {}, "frr": {}}
    for symbols in range(1, MAX_SYMBOLS + 1):
        key, words = str(symbols), independent_words(*(draw.words(symbols) for draw in draws))
        fars = [max(far, far_floor(words * claims)) for far in FARS]
        strangers = [_verification(draw, symbols) for draw in draws]
        figures: list[Callable[[Curve], float]] = [lambda c: c.eer, *(_frr_at(far) for far in fars)]
        eer, *frrs = bootstrap_figures(figures, strangers, rounds=rounds)
        tables["eer"][key] = _percent(eer)
        for table, far, bounds in zip(at_far.values(), fars, frrs, strict=True):
            table[key] = {"far": round(100 * far, 4), **_percent(bounds)}
        if len(draws[0].users) > 1:
            others = [_other_users(draw, symbols) for draw in draws]
            tables["eer_other_users"][key] = _percent(bootstrap_figures([lambda c: c.eer], others, rounds=rounds)[0])
        anyone = [_identification(draw, symbols) for draw in draws]
        tables["identification_eer"][key] = _percent(bootstrap_figures([lambda c: c.eer], anyone, rounds=rounds)[0])
        hits = [(rank1_hits(draw.mine[:, symbols - 1], draw.labels), draw.mine_writers) for draw in draws]
        tables["rank1"][key] = _percent(bootstrap_share(hits, rounds=rounds))
        gate_far, gate_frr = gate_error_rates(draws, symbols, rounds)
        # What the rule refuses whoever wrote it needs no trials for its FAR to be known.
        floor = far_floor(words) if symbols >= min_symbols and far_known else 0.0
        gate["far"][key], gate["frr"][key] = _percent(gate_far, floor), _percent(gate_frr)
        progress("computing error rates", symbols, MAX_SYMBOLS)
    return {
        "unit": "percent",
        "draws": len(draws),
        "users": len(draws[0].users),
        "trials": _trials(draws),
        **tables,
        "frr_at_far": at_far,
        "gate": {
            "thresholds_far": 100 * draws[0].thresholds.far_accept,
            "min_symbols": min_symbols,
            "why_shut": "" if far_known else FAR_UNKNOWN,
            **gate,
        },
    }


def det_curves(draws: Sequence[Scored], lengths: Sequence[int]) -> dict[int, Curve]:
    """Return the curve of verification against strangers for each length, trials of all draws pooled."""
    curves = {}
    for symbols in lengths:
        trials = [_verification(draw, symbols) for draw in draws]
        genuine = np.concatenate([np.asarray(t.genuine) for t in trials])
        curves[symbols] = curve(genuine, np.concatenate([np.asarray(t.impostor) for t in trials]))
    return curves


def _subject(bundle: Bundle | None, origin: Origin | None) -> dict[str, Any]:
    """Describe what is evaluated, for JSON and the card: the bundle, and the run with its files' hashes."""
    subject: dict[str, Any] = {"bundle": None, "run": None}
    if bundle is not None:
        subject["bundle"] = {"path": str(bundle.path), "sha256": bundle.sha256, "users": list(bundle.manifest.users)}
    if origin is not None:
        hashes = {name: sha256_of(origin.path / name) for name in (CONFIG, MODEL) if (origin.path / name).is_file()}
        subject["run"] = {"path": str(origin.path), "sha256": hashes, "proved": origin.proved}
    return subject


def _score_bundle(bundle: Bundle, origin: Origin | None, fragments: Path | None, progress: Progress) -> Scored:
    engine = bundle.engine()
    manifest = bundle.manifest
    return _scored(
        manifest.users,
        find_test(origin.path if origin else None, fragments).to_bits(manifest.pixel_bits),
        bundle.thresholds,
        lambda pixels: engine.run_words(to_int8(pixels)).logits,
        progress,
    )


def _score_run(run: Run, fragments: Path | None, progress: Progress) -> Scored:
    """Score a run with its float model.

    Errors in the words are raised before the model is loaded, because that loads TensorFlow, which takes seconds.
    """
    development = run.fragments(DEVELOPMENT)
    test = find_test(run.path, fragments).to_bits(run.config.pixel_bits)
    _writers_of(run.config.users, test)
    model = load_model(run)

    def logits(pixels: NDArray[np.uint8]) -> Floats:
        return np.asarray(model.predict(to_float(pixels), batch_size=64, verbose=0), np.float64)

    words, _ = _words(development, [int(w) for w in development.writers], DEVELOPMENT_WORDS)
    fitted = fit_thresholds(word_scores(logits(words)).max(axis=-1))
    thresholds = msgspec.structs.replace(fitted, far_known=run.config.far_known)
    return _scored(run.config.users, test, thresholds, logits, progress)


def _scored(
    users: tuple[str, ...], test: FragmentSet, thresholds: Thresholds, logits: Logits, progress: Progress
) -> Scored:
    """Draw the words, always the same for the same set, and score them."""
    known, strangers = _writers_of(users, test)
    mine, mine_writers = _words(test, known, WORDS_PER_USER * len(known))
    theirs, theirs_writers = _words(test, strangers, WORDS_PER_STRANGER * len(strangers))
    label_of = {writer: users.index(test.name_of(writer)) for writer in known}
    progress("scoring words", 0, 2)
    mine_evidence = word_scores(logits(mine))
    progress("scoring words", 1, 2)
    theirs_evidence = word_scores(logits(theirs))
    progress("scoring words", 2, 2)
    median = int(np.median([np.count_nonzero(test.writer == stranger) for stranger in strangers]))
    labels = np.array([label_of[int(w)] for w in mine_writers], np.int64)
    return Scored(users, mine_evidence, labels, mine_writers, theirs_evidence, theirs_writers, median, thresholds)


def _writers_of(users: tuple[str, ...], test: FragmentSet) -> tuple[list[int], list[int]]:
    """Return the ids of the users in the set, in label order, and of all others in it.

    Raises FragmentSetError if there are no users or no others.
    """
    names = {test.name_of(int(w)): int(w) for w in test.writers}
    known = [names[name] for name in users if name in names]
    strangers = sorted(set(names.values()) - set(known))
    if not known or not strangers:
        raise FragmentSetError(
            f"the set has words of {len(known)} of {len(users)} users and of {len(strangers)} strangers; "
            "both are needed to measure error rates"
        )
    return known, strangers


def _words(fragments: FragmentSet, writers: Sequence[int], count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw about `count` words of 20 symbols, the same number by each writer.

    Returns pixels [W, 20, 33, 33] and writers [W].
    """
    rng = np.random.default_rng(0)
    index, writer = sample_words(fragments, np.array(writers), MAX_SYMBOLS, max(1, round(count / len(writers))), rng)
    return fragments.pixels[index], writer.astype(np.int64)


def _verification(draw: Scored, symbols: int) -> Trials:
    """Pit users' words under their own names against strangers' words under every user's name."""
    mine, theirs = draw.mine[:, symbols - 1], draw.theirs[:, symbols - 1]
    own = mine[np.arange(len(mine)), draw.labels]
    return Trials(own, theirs.ravel(), draw.mine_writers, np.repeat(draw.theirs_writers, theirs.shape[1]))


def _other_users(draw: Scored, symbols: int) -> Trials:
    """Pit users' words under their own names against users' words under every other user's name."""
    mine = draw.mine[:, symbols - 1]
    others = np.arange(mine.shape[1])[None, :] != draw.labels[:, None]
    own = mine[np.arange(len(mine)), draw.labels]
    return Trials(own, mine[others], draw.mine_writers, np.repeat(draw.mine_writers, mine.shape[1] - 1))


def _identification(draw: Scored, symbols: int) -> Trials:
    """Pit users' words against strangers' words when nobody claims a name.

    A word scores as its best user does; a user's word in which another user scores best counts as refused.
    """
    mine, theirs = draw.mine[:, symbols - 1], draw.theirs[:, symbols - 1]
    own = mine[np.arange(len(mine)), draw.labels]
    refused = min(float(mine.min()), float(theirs.min())) - 1.0
    genuine = np.where(rank1_hits(mine, draw.labels), own, refused)
    return Trials(genuine, theirs.max(axis=1), draw.mine_writers, draw.theirs_writers)


def gate_error_rates(draws: Sequence[Scored], symbols: int, rounds: int) -> tuple[Bounds, Bounds]:
    """Measure FAR and FRR of the gate's own rule at the end of words of `symbols` symbols."""
    wrong, refused = [], []
    for draw in draws:
        mine, theirs = (
            judge(evidence[:, symbols - 1], symbols, draw.thresholds, final=True)
            for evidence in (draw.mine, draw.theirs)
        )
        wrong.append((theirs.users >= 0, draw.theirs_writers))
        refused.append((mine.users != draw.labels, draw.mine_writers))
    return bootstrap_share(wrong, rounds=rounds), bootstrap_share(refused, rounds=rounds)


def _trials(draws: Sequence[Scored]) -> dict[str, Any]:
    return {
        "genuine_words": sum(len(draw.labels) for draw in draws),
        "users": _people([draw.mine_writers for draw in draws]),
        "stranger_words": sum(len(draw.theirs) for draw in draws),
        "strangers": _people([draw.theirs_writers for draw in draws]),
        "independent_stranger_words": {
            str(t): independent_words(*(draw.words(t) for draw in draws)) for t in range(1, MAX_SYMBOLS + 1)
        },
        "development_words": draws[0].thresholds.trials,
    }


def _people(writers: Sequence[NDArray[np.int64]]) -> int:
    """Return how many people wrote, each counted once over all draws."""
    return len(np.unique(np.concatenate(writers)))


def _frr_at(far: float) -> Callable[[Curve], float]:
    return lambda points: points.frr_at_far(far)


def _percent(bounds: Bounds, floor: float = 0.0) -> dict[str, float]:
    """Return bounds in per cent for JSON, to three decimals.

    `floor` is the lowest share that a FAR's value and upper bound may state.
    """
    return {
        "value": round(100 * max(bounds.value, floor), 3),
        "low": round(100 * bounds.low, 3),
        "high": round(100 * max(bounds.high, floor), 3),
    }


def find_test(run: Path | None, fragments: Path | None) -> FragmentSet:
    """Return the test set of the run, or the file `fragments`. Raises RunError when neither is there."""
    if fragments is not None:
        return FragmentSet.load(fragments)
    if run is None:
        raise RunError("the run that the bundle was made from is not there; give words with --fragments FILE.npz")
    if not (run / TEST).is_file():
        raise RunError(f"{run}: the run's {TEST} is not there; give words to evaluate on with --fragments FILE.npz")
    return FragmentSet.load(run / TEST)


def _left(draws: list[Drawn], from_draw: int) -> list[Drawn]:
    if from_draw >= len(draws):
        raise RunError(
            f"no draw {from_draw}: draws 0 to {len(draws) - 1} are there; `inkgate train --draws` makes more"
        )
    return draws[from_draw:]


def open_bundles(path: Path, from_draw: int = 0) -> list[tuple[Bundle, Origin | None]]:
    """Open the bundle and those that `inkgate quantize` made of its run's other draws, each with its run.

    Draws before `from_draw` are left out. Raises RunError when none is left, OtherRunError when another run lies there.
    """
    first = Bundle.open(path)
    origin = find_origin(first)
    if origin is None:
        return _left([(first, origin)], from_draw)
    found = (entry.parent for entry in (origin.path / DRAWS).glob(f"*/bundle/{MANIFEST}"))
    others = (Bundle.open(entry) for entry in found if (entry.parent / CONFIG).is_file())
    ordered = sorted(others, key=lambda bundle: (len(bundle.path.parent.name), bundle.path.parent.name))
    return _left([(first, origin), *((bundle, find_origin(bundle)) for bundle in ordered)], from_draw)
