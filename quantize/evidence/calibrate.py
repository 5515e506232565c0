"""Evidence of development writers' words -> its calibration: what it means, by number of symbols.

Development writers serve for nothing else. In each of several rounds ten of them are users and all others strangers; a
user is enrolled from his first fragments, and what the device makes of writing is learned from the other nine.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision.calibration import Calibration
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.who import Gathered, WhoModel, adapt_means
from quantize.errors import EvidenceFitError
from quantize.evidence.moments import Writing
from quantize.evidence.scores import Person, Spoken

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LENGTHS: Final = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20)
PIN_LENGTHS: Final = (4, 5, 6, 8, 10, 12)
USERS: Final = 10
ENROL_SHARE: Final = 0.65
WORDS_PER_USER: Final = 40
WORDS_PER_STRANGER: Final = 20
PIN_WRITINGS: Final = 5
PINS_PER_USER: Final = 6
_TAIL: Final = 0.05
"""The share of strangers' words, those with the highest ratios, from which the tail is fitted."""
_PRIOR: Final = 1e-3
"""Weight of a slope's square in the logistic regression, so that words that do not overlap give a finite line."""


class Trials(NamedTuple):
    """Evidence of words under their writers' names and under others', and how many strangers wrote."""

    genuine: Floats
    impostor: Floats
    writers: int


def calibrate(by_length: dict[int, Trials]) -> Calibration:
    """Return the calibration from trials by number of symbols; in between and beyond, it is interpolated."""
    lengths = sorted(by_length)
    lines, tails, costs = [], [], []
    for length in lengths:
        genuine, impostor, _ = by_length[length]
        slope, offset = fit_line(genuine, impostor)
        ratios = slope * genuine + offset, slope * impostor + offset
        lines.append((slope, offset))
        tails.append(fit_tail(ratios[1]))
        costs.append((cllr(*ratios), cllr_min(*ratios)))

    def spread(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(float(v) for v in np.interp(np.arange(1, MAX_SYMBOLS + 1), lengths, values))

    least = min(by_length.values(), key=lambda trials: len(trials.impostor))
    return Calibration(
        slope=spread([slope for slope, _ in lines]),
        offset=spread([offset for _, offset in lines]),
        tail=spread([tail for tail, _ in tails]),
        rate=spread([rate for _, rate in tails]),
        cllr=spread([cost for cost, _ in costs]),
        cllr_min=spread([least_cost for _, least_cost in costs]),
        trials=len(least.impostor),
        writers=least.writers,
    )


def fit_line(genuine: Floats, impostor: Floats) -> tuple[float, float]:
    """Return slope and offset of the ratio, by logistic regression in which both kinds weigh alike."""
    scale = float(np.std(np.concatenate([genuine, impostor]))) or 1.0
    x = np.concatenate([genuine, impostor]) / scale
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(y > 0, 0.5 / len(genuine), 0.5 / len(impostor))
    slope, offset = 1.0, 0.0
    for _ in range(100):
        p = 0.5 * (1.0 + np.tanh(0.5 * (slope * x + offset)))
        gradient = np.array([(weight * (p - y) * x).sum() + _PRIOR * slope, (weight * (p - y)).sum()])
        curve = weight * p * (1.0 - p)
        hessian = np.array(
            [[(curve * x * x).sum() + _PRIOR, (curve * x).sum()], [(curve * x).sum(), curve.sum() + 1e-9]]
        )
        move = np.linalg.solve(hessian, gradient)
        move *= min(1.0, 2.0 / max(float(np.abs(move).max()), 1e-12))
        slope, offset = slope - float(move[0]), offset - float(move[1])
        if np.abs(move).max() < 1e-10:
            break
    if slope <= 0:
        raise EvidenceFitError("users' words have no more evidence than strangers': there is nothing to calibrate")
    return slope / scale, offset


def fit_tail(impostor: Floats) -> tuple[float, float]:
    """Return tail and rate: a share of exp(-rate (ratio - tail)) of strangers' words has a higher ratio."""
    ordered = np.sort(impostor)
    far = ordered[int(np.floor((1.0 - _TAIL) * len(ordered))) :]
    rate = 1.0 / max(float((far - far[0]).mean()), 1e-6)
    return float(far[0] + np.log(_TAIL) / rate), rate


def cllr(genuine: Floats, impostor: Floats) -> float:
    """Return the cost of log-likelihood ratios in bits: 0 for perfect ones, 1 for ones that say nothing.

    C_llr = 1/2 (mean log2(1 + e^-x) over genuine x + mean log2(1 + e^x) over impostors').
    """
    both = np.logaddexp(0.0, -genuine).mean() + np.logaddexp(0.0, impostor).mean()
    return float(both / (2.0 * np.log(2.0)))


def cllr_min(genuine: Floats, impostor: Floats) -> float:
    """Return the least C_llr that a monotone calibration could have: pool adjacent violators."""
    scores = np.concatenate([genuine, impostor])
    order = np.argsort(scores, kind="stable")
    weight = np.concatenate([np.full(len(genuine), 1.0 / len(genuine)), np.full(len(impostor), 1.0 / len(impostor))])
    blocks: list[list[float]] = []
    for place in order:
        positive = weight[place] if place < len(genuine) else 0.0
        blocks.append([positive, weight[place]])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1]]
    share = np.array([positive / total for positive, total in blocks])
    positive, total = np.array(blocks).T
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(positive > 0, -positive * np.log2(share), 0.0)
        cost += np.where(total > positive, -(total - positive) * np.log2(1.0 - share), 0.0)
    return float(cost.sum() / 2.0)


def any_text(
    model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator, *, adapted: bool
) -> dict[int, Trials]:
    """Return trials with words of any symbols. adapted: the device is learned from other users' writing."""
    z, symbol = model.project(writing.features).T, np.asarray(writing.symbol, np.int64)
    first, rest = _split(np.asarray(writing.writer), order)
    names = rng.permutation(sorted(first))
    found: dict[int, list[tuple[Floats, Floats]]] = {length: [] for length in LENGTHS}
    for start in range(0, len(names) - USERS + 1, USERS):
        users = names[start : start + USERS]
        known = {user: model.gather(writing.features[first[user]], symbol[first[user]]) for user in users}
        means = {user: _means(model, known, user) if adapted else model.means for user in users}
        others = [name for name in names if name not in users]
        for length in LENGTHS:
            theirs = _words({o: np.concatenate([first[o], rest[o]]) for o in others}, length, WORDS_PER_STRANGER, rng)
            strange = Spoken.of(model, z, symbol, theirs)
            for user in users:
                mine = _words({user: rest[user]}, length, WORDS_PER_USER, rng)
                person, nobody = Person(model, known[user], means[user]), Person(model, None, means[user])
                own = Spoken.of(model, z, symbol, mine)
                found[length].append((_evidence(person, nobody, own), _evidence(person, nobody, strange)))
    return {length: _pooled(pairs, len(names)) for length, pairs in found.items()}


def pins(model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator) -> dict[int, Trials]:
    """Return trials with PINs: five writings to enrol, one to enter, others by strangers who know them."""
    z, symbol, writer = (
        model.project(writing.features).T,
        np.asarray(writing.symbol, np.int64),
        np.asarray(writing.writer),
    )
    sorted_by = np.argsort(order, kind="stable")
    places = {
        name: [sorted_by[(writer[sorted_by] == name) & (symbol[sorted_by] == d)] for d in range(model.symbols)]
        for name in np.unique(writer)
    }
    everyone = {n: model.gather(writing.features[writer == n], symbol[writer == n]) for n in places}
    found: dict[int, Trials] = {}
    for length in PIN_LENGTHS:
        pairs = []
        for name in places:
            means = _means(model, everyone, name)
            for _ in range(PINS_PER_USER):
                pin = _draw_pin([len(p) for p in places[name]], length, rng)
                if pin is None:
                    continue
                count = np.bincount(pin, minlength=model.symbols)
                enrol = np.concatenate([p[: PIN_WRITINGS * n] for p, n in zip(places[name], count, strict=True)])
                left = [p[PIN_WRITINGS * n :] for p, n in zip(places[name], count, strict=True)]
                mine = np.stack([_write(left, count, rng) for _ in range(2)])
                able = [
                    o for o in places if o != name and all(len(p) >= n for p, n in zip(places[o], count, strict=True))
                ]
                theirs = [_write(places[o], count, rng) for o in able]
                if not theirs:
                    continue
                known = model.gather(writing.features[enrol], symbol[enrol])
                person, nobody = Person(model, known, means), Person(model, None, means)
                own, strange = (Spoken.of(model, z, symbol, words) for words in (mine, np.stack(theirs)))
                pairs.append((_evidence(person, nobody, own), _evidence(person, nobody, strange)))
        if pairs:
            found[length] = _pooled(pairs, len(places))
    if not found:
        raise EvidenceFitError("no development writer wrote symbols often enough for a PIN written five times")
    return found


def reach(model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator) -> float:
    """Return 1.5 times the distance that one in a thousand honest words of 4 symbols exceeds."""
    z, symbol = model.project(writing.features), np.asarray(writing.symbol, np.int64)
    first, rest = _split(np.asarray(writing.writer), order)
    words = _words({n: np.concatenate([first[n], rest[n]]) for n in first}, 4, 50, rng)
    away = [model.distance(z[:, word], symbol[word].tolist(), model.means) for word in words]
    return 1.5 * float(np.quantile(away, 0.999))


def _evidence(person: Person, nobody: Person, words: Spoken) -> Floats:
    return person.log_density(words) - nobody.log_density(words)


def _split(writer: npt.NDArray[np.integer], order: Ints) -> tuple[dict[int, Ints], dict[int, Ints]]:
    """Return each writer's first fragments in order of writing, and the rest."""
    first, rest = {}, {}
    for name in np.unique(writer):
        mine = np.flatnonzero(writer == name)
        mine = mine[np.argsort(order[mine], kind="stable")]
        cut = int(len(mine) * ENROL_SHARE)
        first[int(name)], rest[int(name)] = mine[:cut], mine[cut:]
    return first, rest


def _means(model: WhoModel, people: dict[int, Gathered], but: int) -> Floats:
    others = [person for name, person in people.items() if name != but]
    return adapt_means(model, np.sum([o.counts for o in others], axis=0), np.sum([o.sums for o in others], axis=0))


def _words(places: dict[int, Ints], length: int, each: int, rng: np.random.Generator) -> Ints:
    """Draw words int64 [W, length] of every writer; no fragment twice while there are enough."""
    return np.stack(
        [rng.choice(mine, length, replace=len(mine) < length) for mine in places.values() for _ in range(each)]
    )


def _draw_pin(counts: Sequence[int], length: int, rng: np.random.Generator) -> Ints | None:
    """Draw a PIN of three different symbols at least, written often enough; None if none is found."""
    for _ in range(40):
        pin = rng.integers(0, len(counts), length)
        needed = np.bincount(pin, minlength=len(counts))
        if np.count_nonzero(needed) >= 3 and all(
            c >= (PIN_WRITINGS + 1) * n for c, n in zip(counts, needed, strict=True)
        ):
            return np.asarray(pin, np.int64)
    return None


def _write(places: Sequence[Ints], count: Ints, rng: np.random.Generator) -> Ints:
    return np.concatenate([rng.choice(p, n, replace=False) for p, n in zip(places, count, strict=True) if n])


def _pooled(pairs: Sequence[tuple[Floats, Floats]], writers: int) -> Trials:
    return Trials(np.concatenate([g for g, _ in pairs]), np.concatenate([i for _, i in pairs]), writers)
