"""Features and readings of a word -> one decision: who wrote it, and is that certain enough.

For each user one log-likelihood ratio is made of who and what: he wrote this, or somebody did whom nobody knows. It is
averaged over what the word may say; a user with a PIN can only have written his PIN, whose probability counts. The
ratio is calibrated by kind of input, and a user is accepted if it reaches the threshold that keeps the FAR.
A user whom the network was trained for is known by its logits too (edge.decision.fusion).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision import exact
from edge.decision.calibration import Calibration
from edge.decision.enrolment import Enrolment, Material
from edge.decision.evidence_model import EvidenceModel, Input
from edge.decision.exact import Floats
from edge.decision.fusion import Fusion
from edge.decision.looks import share_of_end, share_of_look
from edge.decision.rule import Decision, Verdict, unavailable
from edge.decision.what import Readings, log_probability_of, read_word
from edge.decision.who import Gathered, People, WhoModel, adapt_means, enrolled, strangers
from edge.errors import EvidenceError, UserError

NEAR: Final = 5
"""A device is known from other people's writing if at least so many of them wrote on it."""
STRICT: Final = 0.1
"""Where the device is not known, the FAR that is asked for is aimed at with a tenth of it."""
COMPARED: Final = 40
"""Of more users without a PIN, those so many are compared with a word to whose writing it lies nearest."""
PEN, CAMERA, INVENTED, UNKNOWN = "pen", "camera", "invented", "unknown"
BOARDS: Final = (PEN, CAMERA)
"""Kinds of input that a board says it is: who enrolled with one of them is not known by what the other sends."""
_NO_BOARD: Final = ("scan",)
"""Kinds of which no board is: a virtual one sends them."""
_ROUNDING: Final = 1e-3
"""Probabilities that a reader computed may add up to so much more than 1 (its log)."""
UNLIKELY: Final = -6.907755278982137
"""A PIN that a word says with less than a thousandth of the probability of its likeliest reading was not written."""


@dataclass(frozen=True)
class Policy:
    """What is risked, and for whom.

    far          share of strangers' words that may be accepted, whoever they are taken for
    pin_far      share of words accepted of those who know a PIN and write it in their own hand, whoever has that PIN
    min_symbols  a word of fewer is never accepted
    claim        the name of the only user who may enter; None: whoever it is
    early        whether a user without a PIN may be accepted before his word ends; the FAR is then shared by all looks
    """

    far: float = 0.01
    pin_far: float = 0.05
    min_symbols: int = 4
    claim: str | None = None
    early: bool = False


class Opinion(NamedTuple):
    """What a word says of one user: its calibrated ratio, and the thresholds that it must reach.

    threshold: if the word ends here. early: while it goes on; infinite if it cannot be accepted before its end.
    """

    user: str
    ratio: float
    threshold: float
    early: float
    far_known: bool


@dataclass(frozen=True, eq=False)
class _Group:
    """Users of one kind of input: names, PINs as places in the alphabet (None: any text), models.

    outputs: number of each user's output, -1 for whom the logits are not asked. sharing: how many users have his PIN.
    """

    kind: str
    model: WhoModel
    calibration: Input
    names: tuple[str, ...]
    pins: tuple[npt.NDArray[np.int64] | None, ...]
    people: People
    nobody: People
    means: Floats
    known_device: npt.NDArray[np.bool_]
    outputs: npt.NDArray[np.int64]
    sharing: tuple[int, ...]

    def index(self, with_pin: bool) -> npt.NDArray[np.int64]:
        return np.asarray([k for k, pin in enumerate(self.pins) if (pin is not None) is with_pin], np.int64)


class Identities:
    """Who may enter, ready to be compared with words. Made anew when the roster changes."""

    def __init__(
        self, evidence: EvidenceModel, users: Sequence[Enrolment], others: Sequence[Material], policy: Policy
    ) -> None:
        """Learn the users. others: people who may not enter, but wrote on the same device.

        Invented writers count as writers with a pen. Writing of unknown kind is judged as the kind that it is most
        like. UserError if the claim is no user's name, EvidenceError if a user's kind of input has no model.
        """
        if policy.claim is not None and policy.claim not in [user.name for user in users]:
            raise UserError(f"there is no user {policy.claim!r}: `inkgate users list` shows who is there")
        self._alphabet, self._policy = evidence.alphabet, policy
        self._groups: list[_Group] = []
        people: list[Material] = [*users, *others]
        kinds = sorted({person.kind for person in people})
        told = {kind: model_for(evidence, kind, [p for p in people if p.kind == kind]) for kind in kinds}
        for kind in sorted({told[user.kind] for user in users}):
            mine = [user for user in users if told[user.kind] == kind]
            also = [person for person in others if told[person.kind] == kind]
            self._groups.append(_group(evidence, kind, mine, also, Counter(user.pin for user in users)))
        self._open = [user.name for user in users if user.pin is None]

    @property
    def users(self) -> int:
        """Return how many users there are."""
        return sum(len(group.names) for group in self._groups)

    @property
    def early_users(self) -> int:
        """Return how many users may be accepted before their word ends."""
        return sum(self._policy.claim in (None, name) for name in self._open) if self._policy.early else 0

    @property
    def fused(self) -> int:
        """Return how many of them are known by the network's logits too."""
        return sum(int((group.outputs >= 0).sum()) for group in self._groups)

    def opinions(
        self,
        features: npt.NDArray[np.int8],
        readings: npt.ArrayLike,
        logits: npt.ArrayLike = (),
        kinds: Collection[str] | None = None,
    ) -> list[Opinion]:
        """Return what a word says of each user whom the policy lets in.

        features: int8 [T, F]. readings: [T, S]. logits: [T, K+1], needed where a user has an output. kinds: of input,
        whose users are asked; None: all.
        """
        values = _probabilities(readings, len(features), len(self._alphabet))
        said = read_word(values)
        found: list[Opinion] = []
        for group in self._groups:
            if kinds is not None and group.kind not in kinds:
                continue
            asked: dict[tuple[int, bool, bool], tuple[Calibration, float, float]] = {}
            z = group.model.project(features)
            ratios = _ratios(group, z, values, said, self._policy.claim)
            for k, ratio in _fused(group, ratios, logits, len(features)).items():
                sharing = 0 if group.pins[k] is None else group.sharing[k]
                way = sharing, bool(group.known_device[k]), bool(group.outputs[k] >= 0)
                if way not in asked:
                    asked[way] = self._asked(group.calibration, len(features), *way)
                calibration, threshold, early = asked[way]
                calibrated = float(calibration.ratio(np.asarray(ratio), len(features)))
                found.append(Opinion(group.names[k], calibrated, threshold, early, way[1]))
        return found

    def judge(
        self,
        features: npt.NDArray[np.int8],
        readings: npt.ArrayLike,
        logits: npt.ArrayLike = (),
        *,
        final: bool,
        kind: str | None = None,
    ) -> Decision:
        """Decide on a word so far: features int8 [T, F], readings [T, S], logits [T, K+1].

        kind: of the board that sent it, None if there is none. Asked are users of that kind of input, and of them those
        from whose kind the word is not too far.

        The user is taken whose ratio is furthest above its threshold at the end of the word. If the policy lets him in
        early and the ratio reaches what a look before the end asks for, he is accepted, and that is final. Nobody is
        rejected before the end: it would save nobody anything, as the next word begins only when this one has ended.
        Where a user has an output, logits that are not of the outputs, or not finite, make the word UNAVAILABLE.
        Whatever is given, nothing is raised. final: whether the word has ended.
        """
        symbols = len(features) if np.ndim(features) == 2 else 0
        try:
            if not symbols:
                return unavailable("there are no features of symbols", 0, final=final)
            kinds = [group.kind for group in self._groups if kind not in BOARDS or group.kind in (kind, *_NO_BOARD)]
            near = self._within_reach(kinds, features, readings)
            opinions = self.opinions(features, readings, logits, near)
        except (ValueError, IndexError, TypeError, ArithmeticError) as error:
            return unavailable(f"no evidence can be made of the word: {error}", symbols, final=final)
        if not opinions:
            reason = "no user can have written this"
            if not near:
                reason = "not known here: this is far from all writing that was measured"
            if not kinds:
                reason = f"nobody is enrolled{f' with input {kind}' if self._groups else ''}"
            return Decision(Verdict.REJECT if final else Verdict.LEANING, None, None, symbols, final, reason)
        if not all(np.isfinite([opinion.ratio, opinion.threshold]).all() for opinion in opinions):
            return unavailable("a score is not a finite number", symbols, final=final)
        best = max(opinions, key=lambda opinion: opinion.ratio - opinion.threshold)
        enough = best.ratio >= best.threshold and symbols >= self._policy.min_symbols
        if enough and not final and best.ratio >= best.early:
            reason = f"score above the threshold of {best.early:.2f} before the end of the word{_doubt(best)}"
            return Decision(Verdict.ACCEPT, best.user, best.ratio, symbols, True, reason, best.early)
        user = best.user if enough else None
        verdict = (Verdict.ACCEPT if enough else Verdict.REJECT) if final else Verdict.LEANING
        reason = self._reason(best, symbols, enough)
        return Decision(verdict, user, best.ratio, symbols, final, reason, best.threshold)

    def _asked(
        self, of: Input, symbols: int, with_pin: int, known_device: bool, has_output: bool
    ) -> tuple[Calibration, float, float]:
        """Return by what a user's evidence is judged, and the ratios to reach: at the end, and before it.

        A stranger may be taken for any user without a PIN, or for any who has the PIN that he knows: they share a FAR.
        with_pin: how many users have his PIN, 0 if he has none. The length of a PIN is part of it: what is written
        before it is whole says nothing of its user.
        """
        source = of.fusion if has_output and of.fusion is not None else of
        known = (source.pin if with_pin else source.any_text) if known_device else of.unknown_device
        sharing = 1 if self._policy.claim is not None else with_pin or len(self._open)
        far = (self._policy.pin_far if with_pin else self._policy.far) / sharing
        far *= 1.0 if known_device else STRICT
        if with_pin or not self._policy.early:
            return known, known.threshold(far, symbols), np.inf
        look, end = (share(symbols, self._policy.min_symbols) for share in (share_of_look, share_of_end))
        return known, known.threshold(far * end, symbols), known.threshold(far * look, symbols) if look else np.inf

    def _within_reach(
        self, kinds: Collection[str], features: npt.NDArray[np.int8], readings: npt.ArrayLike
    ) -> list[str]:
        """Return those of the kinds of input from whose known writing a word is not too far to be judged."""
        likeliest = np.asarray(readings, np.float64).argmax(axis=-1).tolist()
        return [
            group.kind
            for group in self._groups
            if group.kind in kinds
            and group.model.distance(group.model.project(features), likeliest, group.means) <= group.calibration.reach
        ]

    def _reason(self, best: Opinion, symbols: int, enough: bool) -> str:
        if symbols < self._policy.min_symbols:
            return f"{symbols} of at least {self._policy.min_symbols} symbols"
        return f"score {'above' if enough else 'below'} the threshold of {best.threshold:.2f}{_doubt(best)}"


def _doubt(opinion: Opinion) -> str:
    return "" if opinion.far_known else " (FAR unknown on this device: the strict threshold holds)"


def _probabilities(readings: npt.ArrayLike, symbols: int, alphabet: int) -> Floats:
    """Return log-probabilities [symbols, alphabet]; ValueError unless they are that."""
    values = np.asarray(readings, np.float64)
    if values.shape != (symbols, alphabet):
        raise ValueError(f"readings of shape {list(values.shape)} for {symbols} symbols, of an alphabet of {alphabet}")
    if not (exact.log_sum_exp(values.T) <= _ROUNDING).all():
        raise ValueError("readings that are no probabilities")
    return values


def model_for(evidence: EvidenceModel, kind: str, people: Sequence[Material]) -> str:
    """Return the kind whose model people of a kind are judged by. EvidenceError if there is none."""
    if kind in evidence.who:
        return kind
    if kind == INVENTED and PEN in evidence.who:
        return PEN
    if kind == UNKNOWN:
        models = {name: evidence.who[name] for name in sorted(evidence.who)}
        return max(
            models, key=lambda name: float(np.mean([models[name].likeness(p.features, p.symbols) for p in people]))
        )
    raise EvidenceError(
        f"there is no model of input {kind!r}, only of {', '.join(sorted(evidence.who))}: the FAR would be unknown; "
        "enrol with an input that has one"
    )


def _group(
    evidence: EvidenceModel,
    kind: str,
    users: Sequence[Enrolment],
    others: Sequence[Material],
    pins: Mapping[str | None, int],
) -> _Group:
    """Return the users of a kind of input. others: who may not enter. pins: how many users have each PIN."""
    model = evidence.who[kind]
    everybody: list[Material] = [*users, *others]
    written = [model.gather(person.features, person.symbols) for person in everybody]
    boards = [person.board for person in everybody]
    there = {board: _added([w for w, b in zip(written, boards, strict=True) if b == board]) for board in set(boards)}
    # Of a user's own device only what others wrote there tells: his own hand would be taken for the device's.
    own = list(zip(written, boards, strict=True))[: len(users)]
    rest_counts = np.stack([there[board][0] - person.counts for person, board in own], axis=-1)
    rest_sums = np.stack([there[board][1] - person.sums for person, board in own], axis=-1)
    means = adapt_means(model, rest_counts, rest_sums)
    near = np.asarray([boards.count(user.board) - 1 >= NEAR for user in users])
    mine, (counts, sums) = written[: len(users)], _added(written)
    return _Group(
        kind,
        model,
        evidence.inputs[kind],
        tuple(user.name for user in users),
        tuple(_places(user.pin, evidence.alphabet) for user in users),
        enrolled(model, mine, means),
        strangers(model, means),
        adapt_means(model, counts, sums),
        near,
        _outputs(evidence.inputs[kind].fusion, users, near),
        tuple(pins[user.pin] for user in users),
    )


def _outputs(
    fusion: Fusion | None, users: Sequence[Enrolment], known_device: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the number of each user's output, -1 for none.

    A fusion holds on the device that it was fitted on: where the device is not known, no logits are asked.
    """
    names = () if fusion is None else fusion.users
    asked = [known and user.output in names for user, known in zip(users, known_device, strict=True)]
    return np.asarray([names.index(u.output or "") if asks else -1 for u, asks in zip(users, asked, strict=True)])


def _added(people: Sequence[Gathered]) -> tuple[npt.NDArray[np.int64], Floats]:
    counts = np.sum([person.counts for person in people], axis=0)
    return counts, exact.total(np.stack([person.sums for person in people]))


def _places(pin: str | None, alphabet: str) -> npt.NDArray[np.int64] | None:
    """Return the places of a PIN's symbols. EvidenceError if the alphabet lacks one."""
    if pin is None:
        return None
    if not set(pin) <= set(alphabet):
        raise EvidenceError(f"a PIN has symbols that are not in the alphabet {alphabet}; enrol the user anew")
    return np.asarray([alphabet.index(symbol) for symbol in pin], np.int64)


def _ratios(group: _Group, z: Floats, readings: Floats, said: Readings, claim: str | None) -> Mapping[int, float]:
    """Return the evidence that a user wrote the word, by number, of users who can have written it."""
    allowed = np.asarray([claim is None or name == claim for name in group.names])
    found: dict[int, float] = {}
    everybody = group.index(with_pin=False)
    chosen = everybody[allowed[everybody]]
    if len(chosen) > COMPARED:
        away = group.people.distances(z, said.texts[0].tolist())[chosen]
        chosen = np.sort(chosen[np.argsort(away, kind="stable")[:COMPARED]])
    if len(chosen):
        ratios = _mean_ratio(group.people.select(chosen), group.nobody.select(chosen), z, said)
        found |= dict(zip(chosen.tolist(), ratios.tolist(), strict=True))
    for k in group.index(with_pin=True):
        pin = group.pins[k]
        if pin is None or not allowed[k] or len(pin) != z.shape[1]:
            continue
        own = Readings(pin[None], log_probability_of(readings, pin[None]))
        if own.log_probability[0] < said.log_probability[0] + UNLIKELY:
            continue
        only = np.asarray([k])
        found[int(k)] = float(_mean_ratio(group.people.select(only), group.nobody.select(only), z, own)[0])
    return found


def _fused(group: _Group, ratios: Mapping[int, float], logits: npt.ArrayLike, symbols: int) -> Mapping[int, float]:
    """Return the evidence, with that of the logits for users who have an output.

    ValueError for logits that are not of the word's symbols and the outputs, or not finite.
    """
    fusion = group.calibration.fusion
    if fusion is None or not (group.outputs >= 0).any():
        return ratios
    if np.shape(logits)[:1] != (symbols,):
        raise ValueError(f"logits of shape {list(np.shape(logits))} for {symbols} symbols")
    odds = fusion.log_odds(logits)
    asked = {k: int(group.outputs[k]) for k in ratios}
    return {
        k: float(fusion.evidence(np.asarray(ratio), odds[asked[k]])) if asked[k] >= 0 else ratio
        for k, ratio in ratios.items()
    }


def _mean_ratio(people: People, nobody: People, z: Floats, said: Readings) -> Floats:
    """Return the mean likelihood ratio of person to anybody over what a word may say, its logarithm [K].

    Each text counts by the probability that the reader gives it; texts that are not listed count as a ratio of 0.
    How well fragments fit everybody's writing of a text must not weigh texts a second time: Gaussian densities, far
    out, would outweigh the reader.
    """
    each = [
        people.log_density(z, text) - nobody.log_density(z, text) + weight
        for text, weight in zip(said.texts.tolist(), said.log_probability.tolist(), strict=True)
    ]
    return each[0] if len(each) == 1 else exact.log_sum_exp(np.stack(each))
