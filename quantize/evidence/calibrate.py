"""Evidence of development writers' words -> its calibration: what it means, by number of symbols.

Development writers serve for nothing else. In each of several rounds ten of them are users and all others strangers; a
user is enrolled from his first fragments, and what the device makes of writing is learned from the other nine.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision.calibration import Calibration
from edge.decision.error_rates import cllr, cllr_min
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
ROUNDS: Final = 2
"""Development writers are dealt out as users so many times."""
ENROL_SHARE: Final = 0.65
WORDS_PER_USER: Final = 40
WORDS_PER_STRANGER: Final = 20
PIN_WRITINGS: Final = 5
PINS_PER_USER: Final = 6
FARS: Final = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""The shares of strangers' words whose ratios are counted, as far as there are COUNTED words of each."""
COUNTED: Final = 40
SURE: Final = 0.95
"""Confidence that a FAR is kept among users who are not those of the calibration."""
DRAWN: Final = 200
"""So many times users are drawn to find the bound."""
HIGHEST: Final = 200
"""The tail beyond them is fitted to so many of the highest ratios."""
_DIGITS: Final = 6
"""Digits after the point that are kept of a calibration: far more than a few thousand words can tell."""
_PRIOR: Final = 1e-3
"""Weight of a slope's square in the logistic regression, so that words that do not overlap give a finite line."""


class Trials(NamedTuple):
    """Evidence of words under their writers' names and under others'.

    claimed: the user under whose name each of `impostor` went; where users stay the same and strangers do not, the
    stranger who wrote it. words: how many of strangers' words there were, each of which may have gone under several
    names. writers: how many people there were.
    """

    genuine: Floats
    impostor: Floats
    claimed: Ints
    words: int
    writers: int


class _Heard(NamedTuple):
    """Evidence of a user's words under his name, and of strangers'."""

    user: int
    genuine: Floats
    impostor: Floats


def calibrate(by_length: dict[int, Trials], beside: dict[int, Trials] | None = None) -> Calibration:
    """Return the calibration from trials by number of symbols; in between and beyond, it is interpolated.

    beside: trials of another device; the stricter of both thresholds counts. EvidenceFitError if users' words are no
    different from strangers', or those are too few to count.
    """
    lengths = sorted(by_length.keys() & beside.keys() if beside else by_length)
    fewest = min(len(by_length[length].impostor) for length in lengths)
    fars = [far for far in FARS if far * fewest >= COUNTED]
    if len(fars) < 2:
        raise EvidenceFitError(f"{fewest} words of strangers are too few to count a FAR")
    lines, tails, refusals, costs = [], [], [], []
    for length in lengths:
        genuine, impostor = by_length[length].genuine, by_length[length].impostor
        slope, offset = fit_line(genuine, impostor)
        ratios = slope * genuine + offset, slope * impostor + offset
        lines.append((slope, offset))
        judged = [
            (slope * trials.impostor + offset, trials.claimed)
            for trials in (by_length[length], *([beside[length]] if beside else []))
        ]
        quantiles = np.max([sure_quantiles(*words, fars) for words in judged], axis=0)
        tails.append((*quantiles, min(fit_rate(words) for words, _ in judged)))
        refusals.append((ratios[0] < quantiles[:, None]).mean(axis=1))
        costs.append((cllr(*ratios), cllr_min(*ratios)))

    def spread(values: Sequence[float]) -> tuple[float, ...]:
        found = np.interp(np.arange(1, MAX_SYMBOLS + 1), lengths, values)
        return tuple(round(float(value), _DIGITS) for value in found)

    least = min((by_length[length] for length in lengths), key=lambda trials: trials.words)
    return Calibration(
        slope=spread([slope for slope, _ in lines]),
        offset=spread([offset for _, offset in lines]),
        fars=tuple(fars),
        quantiles=tuple(spread([tail[place] for tail in tails]) for place in range(len(fars))),
        refused=tuple(spread([share[place] for share in refusals]) for place in range(len(fars))),
        rate=spread([tail[-1] for tail in tails]),
        cllr=spread([cost for cost, _ in costs]),
        cllr_min=spread([least_cost for _, least_cost in costs]),
        trials=least.words,
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


def sure_quantiles(impostor: Floats, claimed: Ints, fars: Sequence[float]) -> Floats:
    """Return the ratios that no more than shares of strangers' words reach.

    It holds with confidence SURE for other users. Users differ much more than words do in how easily others pass for
    them: so users are drawn anew, with all words under their names (bootstrap). A ratio that equals a threshold is
    accepted, so they lie a last digit above what was counted.
    """
    order = np.argsort(impostor)[::-1]
    ordered = impostor[order]
    users, place = np.unique(claimed[order], return_inverse=True)
    rng = np.random.default_rng(0)
    found = np.empty((DRAWN, len(fars)))
    for drawn in found:
        weight = np.bincount(rng.integers(0, len(users), len(users)), minlength=len(users))[place]
        above = np.cumsum(weight)
        drawn[:] = ordered[np.searchsorted(above, np.asarray(fars) * above[-1])]
    return np.quantile(found, SURE, axis=0) + 10.0**-_DIGITS


def fit_rate(impostor: Floats) -> float:
    """Return the rate at which the share of strangers' words above a ratio falls, far out.

    It is one over the mean excess of the highest of them, the maximum likelihood of an exponential tail.
    """
    ordered = np.sort(impostor)
    far = ordered[-HIGHEST - 1 :]
    return 1.0 / max(float((far[1:] - far[0]).mean()), 1e-6)


def any_text(
    model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator, *, adapted: bool
) -> dict[int, Trials]:
    """Return trials with words of any symbols. adapted: the device is learned from other users' writing."""
    z, symbol = model.project(writing.features).T, np.asarray(writing.symbol, np.int64)
    first, rest = _split(np.asarray(writing.writer), order)
    names = sorted(first)
    found: dict[int, list[_Heard]] = {length: [] for length in LENGTHS}
    words = dict.fromkeys(LENGTHS, 0)
    for users in (draw for _ in range(ROUNDS) for draw in _deal(rng.permutation(names))):
        known = {user: model.gather(writing.features[first[user]], symbol[first[user]]) for user in users}
        means = {user: means_without(model, known, user) if adapted else model.means for user in users}
        others = [name for name in names if name not in users]
        for length in LENGTHS:
            theirs = _words({o: np.concatenate([first[o], rest[o]]) for o in others}, length, WORDS_PER_STRANGER, rng)
            strange = Spoken.of(model, z, symbol, theirs)
            words[length] += len(theirs)
            for user in users:
                mine = _words({user: rest[user]}, length, WORDS_PER_USER, rng)
                person, nobody = Person(model, known[user], means[user]), Person(model, None, means[user])
                own = Spoken.of(model, z, symbol, mine)
                found[length].append(_Heard(user, _evidence(person, nobody, own), _evidence(person, nobody, strange)))
    return {length: _pooled(pairs, words[length], len(names)) for length, pairs in found.items()}


def misnamed(model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator) -> list[int]:
    """Return writers under whose names somebody else wrote too, for all that can be seen.

    Another writer's words fit such a writer better, on average, than they fit their own writer: one hand under two
    names. It is a fault of the data, and says nothing of strangers.
    """
    z, symbol = model.project(writing.features).T, np.asarray(writing.symbol, np.int64)
    first, rest = _split(np.asarray(writing.writer), order)
    words = {name: Spoken.of(model, z, symbol, _words({name: mine}, 12, 10, rng)) for name, mine in rest.items()}
    nobody = Person(model, None, model.means)
    means = np.empty((len(first), len(first)))
    for place, mine in enumerate(first.values()):
        person = Person(model, model.gather(writing.features[mine], symbol[mine]), model.means)
        means[place] = [_evidence(person, nobody, spoken).mean() for spoken in words.values()]
    better = means > np.diag(means)
    return [name for place, name in enumerate(first) if better[place].any()]


def pins(model: WhoModel, writing: Writing, order: Ints, rng: np.random.Generator) -> dict[int, Trials]:
    """Return trials with PINs: five writings to enrol, one to enter, others by strangers who know them.

    What the device makes of writing is learned from the other users' writings of their own PINs.
    """
    z, symbol, writer = model.project(writing.features).T, np.asarray(writing.symbol, np.int64), writing.writer
    by_order = np.argsort(order, kind="stable")
    places = {
        int(name): [by_order[(writer[by_order] == name) & (symbol[by_order] == d)] for d in range(model.symbols)]
        for name in np.unique(writer)
    }
    found: dict[int, Trials] = {}
    for length in PIN_LENGTHS:
        pairs = []
        for users in (draw for _ in range(PINS_PER_USER) for draw in _deal(rng.permutation(sorted(places)))):
            pin = {user: _draw_pin([len(p) for p in places[user]], length, rng) for user in users}
            count = {user: np.bincount(p, minlength=model.symbols) for user, p in pin.items() if p is not None}
            known = {}
            for user in users:
                # Who cannot write his PIN so often tells of the device by as many other fragments.
                n = count.get(user)
                mine = (
                    np.concatenate([p[: PIN_WRITINGS * c] for p, c in zip(places[user], n, strict=True)])
                    if (n is not None)
                    else by_order[writer[by_order] == user][: PIN_WRITINGS * length]
                )
                known[user] = model.gather(writing.features[mine], symbol[mine])
            for user, n in count.items():
                left = [p[PIN_WRITINGS * c :] for p, c in zip(places[user], n, strict=True)]
                own = np.stack([_write(left, n, rng) for _ in range(2)])
                able = [o for o in places if o not in users and _has(places[o], n)]
                strange = np.stack([_write(places[o], n, rng) for o in able]) if able else own[:0]
                means = means_without(model, known, user)
                person, nobody = Person(model, known[user], means), Person(model, None, means)
                words = [Spoken.of(model, z, symbol, word) for word in (own, strange)]
                pairs.append(_Heard(user, *(_evidence(person, nobody, spoken) for spoken in words)))
        if pairs:
            found[length] = _pooled(pairs, sum(len(pair.impostor) for pair in pairs), len(places))
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


def _deal(names: Ints) -> list[list[int]]:
    return [names[start : start + USERS].tolist() for start in range(0, len(names) - USERS + 1, USERS)]


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


def means_without(model: WhoModel, people: Mapping[int, Gathered], but: int) -> Floats:
    """Return what the device makes of writing, as the other people's says."""
    others = [person for name, person in people.items() if name != but]
    if not others:
        return model.means
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


def _has(places: Sequence[Ints], count: Ints) -> bool:
    return all(len(mine) >= needed for mine, needed in zip(places, count, strict=True))


def _write(places: Sequence[Ints], count: Ints, rng: np.random.Generator) -> Ints:
    return np.concatenate([rng.choice(p, n, replace=False) for p, n in zip(places, count, strict=True) if n])


def _pooled(heard: Sequence[_Heard], words: int, writers: int) -> Trials:
    return Trials(
        np.concatenate([one.genuine for one in heard]),
        np.concatenate([one.impostor for one in heard]),
        np.concatenate([np.full(len(one.impostor), one.user) for one in heard]),
        words,
        writers,
    )
