"""Handwriting by kind of input, seen by the int8 network -> the evidence model of a bundle."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.bundle.engine import Engine
from edge.decision.calibration import Calibration
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.evidence_model import EvidenceModel, Input
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import SYMBOLS
from quantize.errors import EvidenceFitError
from quantize.evidence.calibrate import any_text, calibrate, misnamed, pins, reach
from quantize.evidence.moments import Writing, fit_who

BACKGROUND, DEVELOPMENT = "background", "development"
SHARED_KIND: Final = "scan"
"""Scans are of the most writers: every kind's covariances are the mean of its own and theirs."""
BESIDE: Final = {"pen": "camera"}
"""The pens' development writers used sixteen tablets, so that few strangers wrote on a user's own, where they pass most
easily. Their FARs are counted on the camera's writers too, who share one device, and the stricter threshold counts."""
SEED: Final = 20_261_128


def fit_evidence(
    engine: Engine,
    handwriting: Mapping[str, FragmentSet],
    alphabet: str,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> EvidenceModel:
    """Fit models and calibrations by kind of input.

    handwriting: sets named "KIND-background" (to estimate how people write) and "KIND-development" (other writers, to
    calibrate on), at 1 bit a pixel. alphabet: the reader's.

    EvidenceFitError if a kind lacks one of them, or if they are too small.
    """
    kinds = sorted({name.rpartition("-")[0] for name in handwriting})
    for kind in kinds:
        for part in (BACKGROUND, DEVELOPMENT):
            if f"{kind}-{part}" not in handwriting:
                raise EvidenceFitError(f"there is no handwriting called {kind}-{part}")
    seen = {}
    for place, (name, fragments) in enumerate(sorted(handwriting.items())):
        progress("computing features", place, len(handwriting))
        seen[name] = _writing(engine, fragments, alphabet)
    who, inputs, sources = {}, {}, {}
    for kind in kinds:
        wanted = dict.fromkeys([f"{kind}-{BACKGROUND}", f"{SHARED_KIND}-{BACKGROUND}"])
        sources[kind] = [name for name in wanted if name in seen]
        who[kind] = fit_who([seen[name][0] for name in sources[kind]], len(alphabet))
    left_out = {}
    for kind in kinds:
        name = f"{kind}-{DEVELOPMENT}"
        left_out[name] = misnamed(who[kind], *seen[name], np.random.default_rng(SEED))
        seen[name] = _without(*seen[name], left_out[name])
    for place, kind in enumerate(kinds):
        progress("calibrating", place, len(kinds))
        model, (writing, order) = who[kind], seen[f"{kind}-{DEVELOPMENT}"]
        foreign = [seen[f"{other}-{DEVELOPMENT}"] for other in kinds if other != kind] or [(writing, order)]
        rng = np.random.default_rng(SEED)
        unseen = [any_text(model, *other, rng, adapted=False) for other in foreign]
        sets = [f"{name}-{DEVELOPMENT}" for name in (kind, BESIDE.get(kind)) if name in kinds]
        inputs[kind] = Input(
            any_text=calibrate(*(any_text(model, *seen[name], rng, adapted=True) for name in sets)),
            pin=calibrate(*(pins(model, *seen[name], rng) for name in sets)),
            unknown_device=max((calibrate(trials) for trials in unseen), key=_strictness),
            reach=reach(model, writing, order, rng),
            sources=tuple(
                _source(name, len(handwriting[name].writers), left_out.get(name, []))
                for name in (*sources[kind], *sets)
            ),
        )
    return EvidenceModel(alphabet, who, inputs)


def _without(
    writing: Writing, order: npt.NDArray[np.int64], writers: Sequence[int]
) -> tuple[Writing, npt.NDArray[np.int64]]:
    kept = ~np.isin(writing.writer, writers)
    return Writing(writing.features[kept], writing.writer[kept], writing.symbol[kept]), order[kept]


def _source(name: str, writers: int, left_out: Sequence[int]) -> str:
    """Say how many writers a set has, and who of them was left out of the calibration."""
    without = f", without {', '.join(map(str, left_out))}: others wrote under the same names" if left_out else ""
    return f"{name}: {writers} writers{without}"


def _strictness(calibration: Calibration) -> float:
    """Return the mean threshold over all numbers of symbols: the worse of two unseen devices counts."""
    return float(np.mean([calibration.threshold(0.01, symbols) for symbols in range(1, MAX_SYMBOLS + 1)]))


def _writing(engine: Engine, fragments: FragmentSet, alphabet: str) -> tuple[Writing, npt.NDArray[np.int64]]:
    """Return what the network says of fragments with symbols of the alphabet, and their order."""
    chosen, symbol = readable(fragments.to_bits(1), alphabet)
    return Writing(engine.features(to_int8(chosen.pixels)), chosen.writer, symbol), chosen.order.astype(np.int64)


def readable(fragments: FragmentSet, alphabet: str) -> tuple[FragmentSet, npt.NDArray[np.int64]]:
    """Return the fragments whose symbols are in the alphabet, and their places in it.

    EvidenceFitError if there are none.
    """
    places = {code: alphabet.index(symbol) for code, symbol in enumerate(SYMBOLS) if symbol in alphabet}
    known = np.isin(fragments.symbol, list(places))
    if not known.any():
        raise EvidenceFitError(f"no fragment says which symbol of {alphabet} it is, so none can be compared")
    chosen = fragments.select(known)
    return chosen, np.vectorize(places.__getitem__, otypes=[np.int64])(chosen.symbol)
