"""What came of a word so far -> a decision: is it writing, and then whose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edge.decision.identify import Identities
from edge.decision.rule import Decision, Verdict, decide, unavailable
from edge.decision.thresholds import Thresholds
from edge.ink.fragment import Pixels
from edge.ink.quality import UNKNOWN_MS, Quality, QualityLimits, assess


class Outputs(Protocol):
    """What edge.bundle.engine.Engine gives for one fragment."""

    @property
    def logits(self) -> npt.NDArray[np.float64]: ...
    @property
    def features(self) -> npt.NDArray[np.int8]: ...


class Reader(Protocol):
    """What the gate needs of edge.bundle.reader.Reader."""

    def read(self, fragments: npt.NDArray[np.int8], /) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True)
class WhoMayEnter:
    """The users of a roster: how their symbols are read, and who they are now.

    identities: called at the start of each word, so that a user who was removed is gone; what it raises makes the word
    UNAVAILABLE.
    """

    reader: Reader
    identities: Callable[[], Identities]


@dataclass(frozen=True)
class Rule:
    """What a bundle and a roster say about deciding.

    thresholds  where scores of the users' logits accept and reject; None if the network knows no user by itself
    users       names in label order
    pixel_bits  bits a pixel that the network was trained on, 1 or 8
    bundle      hash of the manifest
    unverified  "", or what runs in place of what was verified; every decision's reason then ends with it
    may_enter   the users of a roster, who then decide alone; those who have an output are known by its logits too
    limits      where writing ends; None: whatever comes is taken for writing
    uncounted   whether nobody is locked out, however often he fails; every decision's reason then says so
    unsigned    whether nobody answers for the bundle; every decision's reason then says so
    """

    thresholds: Thresholds | None
    users: Sequence[str]
    pixel_bits: int
    bundle: str
    unverified: str = ""
    may_enter: WhoMayEnter | None = None
    limits: QualityLimits | None = None
    uncounted: bool = False
    unsigned: bool = False


class FaultError(Exception):
    """Raised where a word cannot be decided; the text says why."""


def as_trained(pixels: Pixels, pixel_bits: int) -> Pixels:
    """Return the pixels themselves.

    FaultError if they hold grey where the network was trained on black and white.
    """
    if pixel_bits == 1 and bool((pixels + np.uint8(1) > 1).any()):
        raise FaultError("a fragment holds grey pixels, the bundle was trained on black and white")
    return pixels


class Seen(NamedTuple):
    """One fragment, as everything saw it: what the reader says [S], None if it was not asked."""

    pixels: Pixels
    outputs: Outputs
    reading: npt.NDArray[np.float64] | None
    duration_ms: int | None


def judge_word(
    rule: Rule, identities: Identities | None, seen: Sequence[Seen], *, final: bool, kind: str | None = None
) -> Decision:
    """Decide on the fragments of a word so far, at least one.

    final: whether the word has ended. kind: of input that the board says it is, None where there is no board.

    What is no writing is nobody's: it is refused before any evidence is asked for.
    """
    readings = [fragment.reading for fragment in seen if fragment.reading is not None]
    read = np.stack(readings) if len(readings) == len(seen) else None
    if rule.limits is not None:
        flawed = _flawed(rule.limits, seen, read, final=final)
        if flawed is not None:
            return flawed
    if rule.may_enter is not None:
        if identities is None or read is None:
            return unavailable("the word was not read", len(seen), final=final)
        return _by_roster(identities, seen, read, kind, final=final)
    if rule.thresholds is None:
        return unavailable("nobody is enrolled, and the network knows no user by itself", len(seen), final=final)
    return decide(np.stack([fragment.outputs.logits for fragment in seen]), rule.thresholds, rule.users, final=final)


def _by_roster(
    identities: Identities, seen: Sequence[Seen], read: npt.NDArray[np.float64], kind: str | None, *, final: bool
) -> Decision:
    """Decide on a word by the users of a roster; logits that differ in number make it UNAVAILABLE."""
    try:
        logits = np.stack([fragment.outputs.logits for fragment in seen])
    except ValueError as error:
        return unavailable(f"the logits of the word's fragments differ: {error}", len(seen), final=final)
    features = np.stack([fragment.outputs.features for fragment in seen])
    return identities.judge(features, read, logits, final=final, kind=kind)


def _flawed(
    limits: QualityLimits, seen: Sequence[Seen], read: npt.NDArray[np.float64] | None, *, final: bool
) -> Decision | None:
    """Return the decision on what cannot be writing, None for what can."""
    times = [UNKNOWN_MS if fragment.duration_ms is None else fragment.duration_ms for fragment in seen]
    found = assess(
        np.stack([fragment.pixels for fragment in seen]), limits, durations_ms=np.asarray(times), readings=read
    )
    if found.quality is Quality.GOOD:
        return None
    verdict = Verdict.REJECT if final else Verdict.LEANING
    return Decision(verdict, None, None, len(seen), final, f"{found.quality.value}: {found.reason}", writing=False)
