"""Protocol `pin`: a PIN written a few times to enrol and once to enter.

Its symbols read by the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.decision.error_rates import Trials
from edge.decision.identify import NEAR
from train.data.datasets import Draw
from train.errors import TooFewWritersError
from train.evaluation.protocols.asking import Floats, Gate
from train.evaluation.protocols.figures import Answer, Cell, curves, cycle, share
from train.evaluation.protocols.spread import spread
from train.evaluation.protocols.task import Common, Task
from train.evaluation.protocols.written import Ints, Written

PIN_LENGTHS = (4, 6, 8, 12)
ROUNDS = 6
"""PINs that every user has, one after another; each is entered once."""
STRANGERS = 10
"""Strangers who try each PIN."""
ATTEMPTS = 5
"""Attempts before a lock-out."""
_DIFFERENT = 3


class Job(NamedTuple):
    """A round of one draw: its users with PINs of a length, written so many times."""

    draw: Draw
    length: int
    writings: int
    seed: tuple[int, ...]


class Entered(NamedTuple):
    """What became of a round's words.

    Own ratio, who wrote it, for whom, and whether somebody was accepted.

    Of the users' own words `accepted` says whether it was this user.
    """

    ratios: Floats
    writers: Ints
    users: Ints
    accepted: NDArray[np.bool_]


class Round(NamedTuple):
    """The words of users, of strangers who know the PIN, and of strangers who do not."""

    own: Entered
    knowing: Entered
    guessing: Entered


def pin(task: Task, lengths: Sequence[int] = PIN_LENGTHS) -> Answer:
    """Say how often a PIN is refused to its user and accepted of others, who know it or do not."""
    kinds = [(length, writings) for length in lengths for writings in task.writings]
    jobs = [
        Job(draw, length, writings, (task.seed, 3, number, length, writings, turn))
        for length, writings in kinds
        for number, draw in enumerate(task.draws)
        for turn in range(ROUNDS)
    ]
    rounds = spread(enter, task.common, jobs, "PINs", task.progress, task.processes)
    each = len(task.draws) * ROUNDS
    rows, det, operating, lacking = [], {}, {}, []
    for place, (length, writings) in enumerate(kinds):
        found = [entered for entered in rounds[place * each : (place + 1) * each] if entered is not None]
        if not found:
            lacking.append(f"{length} digits written {writings} times: too few writers wrote every digit often enough.")
            continue
        own, knowing, guessing = (_joined(parts) for parts in zip(*found, strict=True))
        row = _row(task, length, writings, own, knowing, guessing)
        rows.append(row)
        label = f"{length} digits, {writings} times"
        det[label] = [Trials(own.ratios, knowing.ratios, own.writers, knowing.writers)]
        operating[label] = (_value(row["knows it: accepted"]) / 100, _value(row["refused"]) / 100)
    if not rows:
        raise TooFewWritersError(" ".join(lacking) + " Take a shorter PIN, or fewer --writings")
    return Answer(
        "pin",
        "A PIN is written to enrol and entered once, its symbols read; gate at --pin-far "
        f"{task.common.policy.pin_far:g}.",
        tuple(rows),
        (
            "Those who know the PIN write it in their own hand; nobody imitates the user's.",
            "'counted' is what was seen, never below 3/n. 'counted x guessing' was not seen: it is the share accepted "
            f"of those who know the PIN, times the chance to guess it, {len(task.written.alphabet)}^-n.",
            f"A cycle is {ATTEMPTS} attempts, until the lock-out, taken as independent: 1 - (1 - p)^{ATTEMPTS}.",
            "Other users of the draw are all that tells of the device; no two writings share a fragment.",
            *lacking,
        ),
        det,
        operating,
    )


def enter(common: Common, job: Job) -> Round | None:
    """Enrol the users of a draw with PINs and let everybody enter them; None if too few can be enrolled."""
    rng = np.random.default_rng(list(job.seed))
    written = common.written
    users, numbers, entries = [], [], []
    for user in job.draw.users:
        chosen = _enrol(written, user, job, rng)
        if chosen is not None:
            pin, taken, entry = chosen
            text = "".join(written.alphabet[d] for d in pin)
            users.append(written.enrolment(str(user), taken, text, job.writings))
            numbers.append((user, pin))
            entries.append(entry)
    if len(users) <= NEAR:
        return None
    gate = Gate(common.evidence, users, (), replace(common.policy, claim=None))
    own = _entered(common, gate, [(user, user, k, entries[k]) for k, (user, _) in enumerate(numbers)], own=True)
    knowing, guessing = [], []
    for k, (user, pin) in enumerate(numbers):
        for stranger in rng.permutation(job.draw.strangers):
            word = _write(written.of_writer(int(stranger)), written.symbols, pin, rng)
            if word is not None:
                knowing.append((int(stranger), user, k, word))
            if len(knowing) % STRANGERS == 0 and len(knowing) >= STRANGERS * (k + 1):
                break
        for stranger in rng.choice(job.draw.strangers, STRANGERS):
            places = written.of_writer(int(stranger))
            guess = _write(places, written.symbols, rng.integers(0, len(written.alphabet), job.length), rng)
            if guess is not None:
                guessing.append((int(stranger), user, k, guess))
    return Round(own, _entered(common, gate, knowing), _entered(common, gate, guessing))


def draw_pin(counts: Ints, copies: int, length: int, rng: np.random.Generator) -> Ints | None:
    """Draw a PIN of at least three different symbols, each of which was written often enough.

    None if there is none.

    counts: int64 [S], how often each symbol was written. copies: how often the PIN is to be written.
    """
    for _ in range(40):
        left = counts // copies
        pin: list[int] = []
        while len(pin) < length and left.any():
            symbol = int(rng.choice(np.flatnonzero(left)))
            left[symbol] -= 1
            pin.append(symbol)
        if len(pin) == length and len(set(pin)) >= _DIFFERENT:
            return np.array(pin, np.int64)
    return None


def _enrol(written: Written, user: int, job: Job, rng: np.random.Generator) -> tuple[Ints, Ints, Ints] | None:
    """Return a PIN, the fragments of its first writings one after another, and those of a later entry."""
    places = written.of_writer(user)
    symbols = written.symbols[places]
    pin = draw_pin(np.bincount(symbols, minlength=len(written.alphabet)), job.writings + 1, job.length, rng)
    if pin is None:
        return None
    copies = {int(d): list(places[symbols == d]) for d in np.unique(pin)}
    taken = [copies[int(d)].pop(0) for _ in range(job.writings) for d in pin]
    entry = [copies[int(d)].pop(int(rng.integers(len(copies[int(d)])))) for d in pin]
    return pin, np.array(taken), np.array(entry)


def _write(places: Ints, symbols: np.ndarray, text: Ints, rng: np.random.Generator) -> Ints | None:
    """Return fragments of a writer that say the text, none twice; None if he wrote a symbol too rarely."""
    copies = {int(d): list(rng.permutation(places[symbols[places] == d])) for d in np.unique(text)}
    needed = {int(d): int((text == d).sum()) for d in np.unique(text)}
    if any(len(copies[d]) < needed[d] for d in needed):
        return None
    return np.array([copies[int(d)].pop() for d in text], np.int64)


def _entered(common: Common, gate: Gate, words: Sequence[tuple[int, int, int, Ints]], own: bool = False) -> Entered:
    """Let the gate hear words (writer, user, the user's number, fragments)."""
    heard = [gate.hear(common.written.seen(word)) for *_, word in words]
    accepted = [h.user == k if own else h.user >= 0 for h, (_, _, k, _) in zip(heard, words, strict=True)]
    return Entered(
        np.array([h.ratios[k] for h, (_, _, k, _) in zip(heard, words, strict=True)]),
        np.array([writer for writer, *_ in words], np.int64),
        np.array([user for _, user, *_ in words], np.int64),
        np.array(accepted, np.bool_),
    )


def independent_entries(written: Written, entered: Entered, length: int) -> int:
    """Return how many entries of strangers are independent.

    They are by another stranger or for another user, and the words of one stranger share no fragment.
    """
    pairs = np.unique(np.stack([entered.writers, entered.users]), axis=1)
    return sum(
        max(1, min(int(users), len(written.of_writer(int(stranger))) // length))
        for stranger, users in zip(*np.unique(pairs[0], return_counts=True), strict=True)
    )


def _joined(parts: Sequence[Entered]) -> Entered:
    return Entered(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _row(task: Task, length: int, writings: int, own: Entered, knowing: Entered, guessing: Entered) -> dict[str, Cell]:
    independent, unknowing = (independent_entries(task.written, tried, length) for tried in (knowing, guessing))
    trials = [Trials(own.ratios, knowing.ratios, own.writers, knowing.writers)]
    known = share([(knowing.accepted, knowing.writers)], task.rounds, independent)
    guess = float(len(task.written.alphabet)) ** -length
    row: dict[str, Cell] = {"digits": length, "written": writings}
    row["refused"] = share([(~own.accepted, own.writers)], task.rounds)
    row["knows it: accepted"] = known
    row[f"knows it: in {ATTEMPTS}"] = round(cycle(known["value"]), 3)
    row["does not know it: counted"] = share([(guessing.accepted, guessing.writers)], task.rounds, unknowing)
    row["does not know it: counted x guessing"] = known["value"] * guess
    row[f"does not know it: counted x guessing, in {ATTEMPTS}"] = cycle(known["value"] * guess, ATTEMPTS)
    row["does not know it: upper bound x guessing"] = known["high"] * guess
    row["EER"] = curves(trials, independent, task.rounds)["EER"]
    for far in (0.10, 0.05, 0.01):
        after = curves(trials, independent, task.rounds, far)
        row[f"refused at FAR {100 * far:g} %"] = next(value for name, value in after.items() if name != "EER")
    people = {"users": len(np.unique(own.writers)), "strangers": len(np.unique(knowing.writers))}
    return row | people | {"entries": len(own.ratios), "independent trials": independent, "guesses": unknowing}


def _value(rate: Cell) -> float:
    assert isinstance(rate, dict)
    return rate["value"]
