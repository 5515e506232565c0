"""Writing of users and strangers that trained nothing -> how logits weigh beside the evidence.

One weight holds for words of every number of symbols: the one whose sums, calibrated as well as any could be, cost the
least (`cllr_min`). A line fitted to both at each number of symbols would follow a few words far out, where the Gaussian
evidence is largest and says least; and so many words without a shared fragment, as that takes, no user has.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.bundle.engine import Engine
from edge.decision.error_rates import cllr_min
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.fusion import Fusion, log_odds, mean_over_symbols
from edge.decision.who import Gathered, WhoModel
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet, sample_words
from quantize.errors import EvidenceFitError
from quantize.evidence.calibrate import (
    LENGTHS,
    PIN_LENGTHS,
    PIN_WRITINGS,
    PINS_PER_USER,
    WORDS_PER_USER,
    Trials,
    calibrate,
    means_without,
    sure_quantiles,
)
from quantize.evidence.fit import readable
from quantize.evidence.scores import Person, Spoken

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
"""Weights of the log-odds that are tried; 0 leaves the logits out."""
WEIGHED: Final = (4, 6, 8, 10, 12)
"""Symbols of the words by which the weight is chosen: of fewer nobody is accepted, of more hardly one is mistaken."""
STRANGER_WORDS: Final = 800
"""Strangers write at least so many words between them, each under every user's name."""
OWN_FAR: Final = 0.01
"""Share of strangers in whose writing an output may see its user: so many, enrolled under his name, are given it."""
SEED: Final = 20_261_129
_LEAST_WRITINGS: Final = 2
_PIN_WORDS: Final = 40
"""Each PIN is written at least so many times by strangers."""


class Parts(NamedTuple):
    """Writing of K users and of strangers.

    kind       kind of input that it comes from
    users      names in the order of the outputs;  writers: their ids in the sets
    enrolled   what the network was trained on, which enrols them here too
    held       other writing of the users, which trained nothing and is not reported on
    strangers  writing of people who are no users
    """

    kind: str
    users: tuple[str, ...]
    writers: tuple[int, ...]
    enrolled: FragmentSet
    held: FragmentSet
    strangers: FragmentSet


def fit_fusion(engine: Engine, model: WhoModel, parts: Parts, alphabet: str) -> Fusion:
    """Return the fusion of a network's outputs with the evidence of `model`, calibrated.

    The sets are of the network's bits a pixel. EvidenceFitError if they are too small, or if users' words are no
    different from strangers'.
    """
    rng = np.random.default_rng(SEED)
    enrolled = _Pool.of(engine, model, parts.enrolled, alphabet)
    held, strange = (_Pool.of(engine, model, part, alphabet) for part in (parts.held, parts.strangers))
    lacking = [name for name, w in zip(parts.users, parts.writers, strict=True) if w not in held.writer]
    if lacking:
        raise EvidenceFitError(f"there is no writing of {', '.join(lacking)} to fit a fusion to: `inkgate train` anew")
    mine_of = {w: enrolled.writer == w for w in parts.writers}
    known = {w: model.gather(enrolled.features[own], enrolled.symbol[own]) for w, own in mine_of.items()}
    means = {writer: means_without(model, known, writer) for writer in parts.writers}
    mine = _score(engine, model, held, known, means, WORDS_PER_USER, rng)
    strangers = len(np.unique(strange.writer))
    theirs = _score(engine, model, strange, known, means, -(-STRANGER_WORDS // strangers), rng)
    weight = choose_weight({length: _trials(mine, theirs, length) for length in WEIGHED})
    words = {length: _weighed(_trials(mine, theirs, length), weight, strangers, len(parts.users)) for length in LENGTHS}
    pins = _pins(engine, model, parts.writers, (enrolled, held, strange), means, rng)
    return Fusion(
        users=parts.users,
        weight=weight,
        any_text=calibrate(words),
        recognised=_recognised({length: _trials(mine, theirs, length) for length in LENGTHS}),
        pin=calibrate({length: _weighed(trials, weight, strangers) for length, trials in pins.items()}),
        sources=(f"{len(parts.users)} users: {len(held.writer)} fragments", f"{strangers} strangers"),
    )


class Both(NamedTuple):
    """Evidence and log-odds of users' words under their own names, and of strangers' under all.

    stranger: who wrote each of the strangers' words.
    """

    genuine_who: Floats
    genuine_odds: Floats
    impostor_who: Floats
    impostor_odds: Floats
    stranger: Ints


def choose_weight(by_length: Mapping[int, Both]) -> float:
    """Return the lowest of WEIGHTS at which the sums cost the least, over all numbers of symbols.

    The cost is the least that any monotone calibration could have: it depends on the order of the sums alone.
    """

    def cost(weight: float) -> float:
        sums = [_weighed(both, weight, 1) for both in by_length.values()]
        return float(sum(cllr_min(trials.genuine, trials.impostor) for trials in sums))

    return min(WEIGHTS, key=cost)


def _weighed(both: Both, weight: float, writers: int, names: int = 1) -> Trials:
    """Return the trials of the sums. names: under how many of them each of strangers' words went."""
    genuine = both.genuine_who + weight * both.genuine_odds
    # The gate's users are these very users: it is strangers who will be others than those that were counted.
    return Trials(
        genuine, both.impostor_who + weight * both.impostor_odds, both.stranger, len(both.stranger) // names, writers
    )


def _recognised(by_length: Mapping[int, Both]) -> tuple[float, ...]:
    """Return the log-odds that a share of OWN_FAR of strangers' words reaches, after 1..20 symbols."""
    counted = [sure_quantiles(both.impostor_odds, both.stranger, [OWN_FAR])[0] for both in by_length.values()]
    found = np.interp(np.arange(1, MAX_SYMBOLS + 1), list(by_length), counted)
    return tuple(round(float(value), 6) for value in found)


def draw_pin(capacity: Sequence[int], length: int, rng: np.random.Generator) -> Ints | None:
    """Draw a PIN of three symbols at least, none more often than it has capacity; None if none is."""
    able, left = np.flatnonzero(capacity), np.array(capacity, np.int64)
    if not 3 <= length <= left.sum() or len(able) < 3:
        return None
    three = rng.choice(able, 3, replace=False)
    left[three] -= 1
    rest = rng.permutation(np.repeat(np.arange(len(left)), left))[: length - 3]
    return np.asarray(rng.permutation(np.concatenate([three, rest])), np.int64)


class _Pool(NamedTuple):
    """Fragments: codes int8 [n, 33, 33, 1], features int8 [n, F], symbol [n]; z is [n, D]."""

    fragments: FragmentSet
    codes: npt.NDArray[np.int8]
    features: npt.NDArray[np.int8]
    symbol: Ints
    z: Floats

    @staticmethod
    def of(engine: Engine, model: WhoModel, fragments: FragmentSet, alphabet: str) -> "_Pool":
        chosen, symbol = readable(fragments, alphabet)
        codes = to_int8(chosen.pixels)
        features = engine.features(codes)
        return _Pool(chosen, codes, features, symbol, model.project(features).T)

    @property
    def writer(self) -> npt.NDArray[np.int32]:
        """Return the writer of each fragment."""
        return self.fragments.writer

    def by_symbol(self, writer: int, symbols: int) -> list[Ints]:
        """Return a writer's fragments of each symbol, in order of writing."""
        order = np.argsort(self.fragments.order, kind="stable")
        return [order[(self.writer[order] == writer) & (self.symbol[order] == d)] for d in range(symbols)]


class _Scored(NamedTuple):
    """W words: evidence of who wrote and log-odds [L, W, K] after each of LENGTHS, and the writer [W]."""

    who: Floats
    odds: Floats
    writer: Ints
    users: tuple[int, ...]


def _score(
    engine: Engine,
    model: WhoModel,
    pool: _Pool,
    known: Mapping[int, Gathered],
    means: Mapping[int, Floats],
    each: int,
    rng: np.random.Generator,
) -> _Scored:
    """Score `each` words of 20 symbols of every writer, and how they begin."""
    index, writer = sample_words(pool.fragments, pool.fragments.writers, MAX_SYMBOLS, each, rng)
    odds = _odds_so_far(engine.run_words(pool.codes[index]).logits)
    spoken = [Spoken.of(model, pool.z, pool.symbol, index[:, :length]) for length in LENGTHS]
    who = np.empty((len(LENGTHS), len(index), len(known)))
    for k, user in enumerate(known):
        person, nobody = Person(model, known[user], means[user]), Person(model, None, means[user])
        for place, words in enumerate(spoken):
            who[place, :, k] = person.log_density(words) - nobody.log_density(words)
    return _Scored(who, odds, writer.astype(np.int64), tuple(known))


def _odds_so_far(logits: Floats) -> Floats:
    """Return the log-odds [L, W, K] after each of LENGTHS by logits [W, T, K+1]."""
    steps = np.moveaxis(log_odds(np.moveaxis(logits, -1, 0)), (2, 1, 0), (0, 1, 2))
    return np.stack([mean_over_symbols(steps[:length]) for length in LENGTHS])


def _trials(mine: _Scored, theirs: _Scored, length: int) -> Both:
    place = LENGTHS.index(length)
    rows, label = np.arange(len(mine.writer)), np.asarray([mine.users.index(int(w)) for w in mine.writer])
    return Both(
        mine.who[place, rows, label],
        mine.odds[place, rows, label],
        theirs.who[place].ravel(),
        theirs.odds[place].ravel(),
        np.repeat(theirs.writer, len(theirs.users)),
    )


def _pins(
    engine: Engine,
    model: WhoModel,
    users: Sequence[int],
    pools: tuple[_Pool, _Pool, _Pool],
    means: Mapping[int, Floats],
    rng: np.random.Generator,
) -> dict[int, Both]:
    """Return trials with PINs: up to five writings enrol, one enters; strangers know the PIN.

    A number of symbols counts if at least half of the PINs were found that were looked for.
    """
    enrolled, held, strange = pools
    strangers = {int(w): strange.by_symbol(int(w), model.symbols) for w in np.unique(strange.writer)}
    found: dict[int, list[Both]] = {length: [] for length in PIN_LENGTHS}
    for k, user in enumerate(users):
        first, rest = (pool.by_symbol(user, model.symbols) for pool in (enrolled, held))
        capacity = [min(len(a) // _LEAST_WRITINGS, len(b)) for a, b in zip(first, rest, strict=True)]
        for length in PIN_LENGTHS:
            for _ in range(PINS_PER_USER):
                pin = draw_pin(capacity, length, rng)
                able = [] if pin is None else [who for who, other in strangers.items() if _can_write(other, pin)]
                if pin is None or not able:
                    continue
                chosen = _enrolling(first, pin)
                known = model.gather(enrolled.features[chosen], enrolled.symbol[chosen])
                people = Person(model, known, means[user]), Person(model, None, means[user])
                writers = able * -(-_PIN_WORDS // len(able))
                sides = ((held, [rest, rest]), (strange, [strangers[who] for who in writers]))
                scored = [_score_pin(engine, model, people, k, pool, pin, places, rng) for pool, places in sides]
                found[length].append(Both(*scored[0], *scored[1], np.asarray(writers, np.int64)))
    least = len(users) * PINS_PER_USER / 2
    kept = {length: drawn for length, drawn in found.items() if len(drawn) >= least}
    if not kept:
        raise EvidenceFitError("users' writing that was held back has too few symbols for a PIN: `inkgate train` anew")
    return {
        length: Both(*(np.concatenate(part) for part in zip(*drawn, strict=True))) for length, drawn in kept.items()
    }


def _can_write(places: Sequence[Ints], pin: Ints) -> bool:
    return all(len(p) >= n for p, n in zip(places, np.bincount(pin, minlength=len(places)), strict=True))


def _enrolling(places: Sequence[Ints], pin: Ints) -> Ints:
    """Return a user's first writings of a PIN, five or as many as there are."""
    needed = np.bincount(pin, minlength=len(places))
    writings = min(PIN_WRITINGS, *(len(p) // n for p, n in zip(places, needed, strict=True) if n))
    return np.concatenate([p[: writings * n] for p, n in zip(places, needed, strict=True)])


def _score_pin(
    engine: Engine,
    model: WhoModel,
    people: tuple[Person, Person],
    output: int,
    pool: _Pool,
    pin: Ints,
    places: Sequence[Sequence[Ints]],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Write a PIN with each writer's fragments; return its evidence and the output's log-odds."""
    words = np.stack([_write(own, pin, rng) for own in places])
    spoken = Spoken.of(model, pool.z, pool.symbol, words)
    steps = log_odds(np.moveaxis(engine.run_words(pool.codes[words]).logits, -1, 0))[output]
    person, nobody = people
    return person.log_density(spoken) - nobody.log_density(spoken), mean_over_symbols(steps.T)


def _write(places: Sequence[Ints], pin: Ints, rng: np.random.Generator) -> Ints:
    """Return fragments that say the PIN in its order, none twice."""
    shuffled = [iter(rng.permutation(own)) for own in places]
    return np.asarray([next(shuffled[symbol]) for symbol in pin], np.int64)
