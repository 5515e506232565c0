"""Whose bundles are taken on this machine, and how new the newest seen in each place was.

Trust on first use: the first signer is kept, and from then on only he is taken, and whom `trust` adds. Of each place
the highest security counter is kept, so that an older bundle, signed as well, is not put back there.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from firmware_bridge.trust.errors import KeyStoreError, OlderError, OtherSignerError
from firmware_bridge.trust.folder import STATE_VARIABLE, state_folder
from firmware_bridge.trust.private_folder import PrivateFolder
from firmware_bridge.trust.signing import PUBLIC_KEY_BYTES, TrustedKey

NAME: Final = "bundles.json"


class Pinned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept: public keys (hex) -> why they are taken, places -> the highest counter seen."""

    signers: dict[str, str] = {}
    counters: dict[str, int] = {}


class Pins:
    """The signers and counters of a folder that only its owner can change.

    Every method raises KeyExposedError (exit code 4) if anybody else could read or change it, KeyStoreError if it is
    damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / "trusted"
        self._files = PrivateFolder(self.folder, "signers that are trusted", STATE_VARIABLE)

    def read(self) -> Pinned:
        """Return what is kept; nothing if nothing was ever seen."""
        content = self._files.read(NAME)
        if content is None:
            return Pinned()
        try:
            pinned = msgspec.json.decode(content, type=Pinned)
            if any(len(bytes.fromhex(key)) != PUBLIC_KEY_BYTES for key in pinned.signers):
                raise ValueError(f"a public key has {PUBLIC_KEY_BYTES} bytes")
        except (msgspec.MsgspecError, ValueError) as error:
            raise KeyStoreError(
                f"{self.folder / NAME}: does not say whose bundles are taken: {error}; put a copy of it back"
            ) from error
        return pinned

    def check(self, signer: TrustedKey, place: str, counter: int) -> bool:
        """Return whether the signer is the first one here.

        place: where it lies. OtherSignerError if another was first, OlderError if a higher counter was seen there.
        """
        return _check(self.read(), signer, place, counter)

    def note(self, signer: TrustedKey, place: str, counter: int) -> bool:
        """Keep the signer and counter for good; return and raise as `check`."""
        pinned = self.read()
        if not _check(pinned, signer, place, counter) and pinned.counters.get(place) == counter:
            return False
        with self._locked():
            pinned = self.read()
            first = _check(pinned, signer, place, counter)
            signers = {**pinned.signers, signer.raw.hex(): f"first seen on {place}"} if first else pinned.signers
            self._write(Pinned(signers, {**pinned.counters, place: counter}))
        return first

    def trust(self, signer: TrustedKey, why: str) -> None:
        """Take this signer's bundles too."""
        with self._locked():
            pinned = self.read()
            self._write(Pinned({**pinned.signers, signer.raw.hex(): why}, pinned.counters))

    def _locked(self) -> AbstractContextManager[None]:
        return self._files.locked()

    def _write(self, pinned: Pinned) -> None:
        self._files.write(NAME, msgspec.json.format(msgspec.json.encode(pinned), indent=2) + b"\n")


def _check(pinned: Pinned, signer: TrustedKey, place: str, counter: int) -> bool:
    first = not pinned.signers
    if not first and signer.raw.hex() not in pinned.signers:
        known = ", ".join(TrustedKey.of_raw(bytes.fromhex(key)).key_id.hex() for key in pinned.signers)
        raise OtherSignerError(
            f"{place}: signed by key {signer.key_id.hex()}, and here only key {known} is trusted: copy the bundle anew "
            "from where it was made; if its maker has a new key, have him give you its public half by a way that you "
            "trust, and `inkgate keys trust FILE.pub` takes it"
        )
    seen = pinned.counters.get(place, 0)
    if counter < seen:
        raise OlderError(
            f"{place}: is older than a bundle that was used here: its security counter is {counter}, {seen} was seen: "
            "copy the newer one back; if this one is to be used again, whoever signs has to say so: "
            "`inkgate bundle sign BUNDLE --raise`"
        )
    return first
