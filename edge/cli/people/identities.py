"""A bundle and its roster -> who may enter, read anew when the roster changes."""

from pathlib import Path

from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import Identities, Policy
from edge.errors import ThresholdsError
from edge.roster.roster_file import RosterFile


class People:
    """The identities of a roster's users, read anew whenever its file has changed."""

    def __init__(self, evidence: EvidenceModel, roster: RosterFile, policy: Policy) -> None:
        """Read the roster. Errors as of `RosterFile.load` and `Identities`."""
        self._evidence, self._roster, self._policy = evidence, roster, policy
        self._seen: tuple[int, ...] | None = None
        self._identities = self._read()

    @property
    def users(self) -> int:
        """Return how many users there are."""
        return self._identities.users

    @property
    def early_users(self) -> int:
        """Return how many users may be accepted before their word ends."""
        return self._identities.early_users

    def current(self) -> Identities:
        """Return who may enter now. Errors as of `RosterFile.load` and `Identities`: then nobody may."""
        if self._state() != self._seen:
            self._seen = None
            self._identities = self._read()
        return self._identities

    def _read(self) -> Identities:
        state = self._state()
        roster = self._roster.load()
        identities = Identities(self._evidence, roster.users, roster.visitors, self._policy)
        self._seen = state
        return identities

    def _state(self) -> tuple[int, ...]:
        """Return what changes whenever the file is replaced; empty if there is no file."""
        try:
            found = Path(self._roster.path).stat()
        except FileNotFoundError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_size)


def require_supported(evidence: EvidenceModel, policy: Policy) -> None:
    """Raise ThresholdsError for a FAR below what the trials of any kind of input support."""
    found = [part for each in evidence.inputs.values() for part in (each, each.fusion) if part is not None]
    least = max(part.any_text.least_far for part in found)
    least_pin = max(part.pin.least_far for part in found)
    for option, far, lowest in (("--far", policy.far, least), ("--pin-far", policy.pin_far, least_pin)):
        if not lowest <= far < 1.0:
            raise ThresholdsError(
                f"{option} {far:g}: the trials behind this bundle support {lowest:.1g} to 1 (three errors in as many "
                "trials as there were); take a FAR in that range, and a longer PIN for more"
            )
