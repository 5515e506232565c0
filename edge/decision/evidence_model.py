"""How people write on each kind of input, and what evidence means there <-> one file."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from edge.decision.calibration import Calibration
from edge.decision.fusion import Fusion
from edge.decision.who import WhoModel
from edge.errors import EvidenceError

FORMAT: Final = "inkgate-evidence/1"
_ABOUT = "about"
_ARRAYS = ("projection", "means", "writer", "symbol", "noise")


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What evidence means on one kind of input.

    any_text, pin   calibration of words of any symbols, and of a PIN that was enrolled, where other people's writing on
                    the same device is at hand
    unknown_device  calibration where it is not: fitted on devices that the model had not seen
    reach           a word whose fragments lie further from all known writing is not judged (`WhoModel.distance`)
    sources         what the model and the calibrations were made from, in words
    fusion          for users whom the network was trained for, who write on this kind of input; None: it was for none
    """

    any_text: Calibration
    pin: Calibration
    unknown_device: Calibration
    reach: float
    sources: tuple[str, ...]
    fusion: Fusion | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.reach) or self.reach <= 0:
            raise EvidenceError(f"reach is {self.reach}, not a number above 0")


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    alphabet: str
    inputs: dict[str, Input]


@dataclass(frozen=True, eq=False)
class EvidenceModel:
    """How people write, and what evidence means, by kind of input.

    alphabet  the symbols, in the order of the models
    who       models by kind;  inputs  their calibrations by kind
    """

    alphabet: str
    who: Mapping[str, WhoModel]
    inputs: Mapping[str, Input]

    def __post_init__(self) -> None:
        if not self.who or self.who.keys() != self.inputs.keys():
            raise EvidenceError("every kind of input needs a model and its calibration, and there is at least one")
        if any(model.symbols != len(self.alphabet) for model in self.who.values()):
            raise EvidenceError(f"a model is not one of the {len(self.alphabet)} symbols of the alphabet")

    def without_fusion(self) -> "EvidenceModel":
        """Return the model for users whose logits are not asked."""
        alone = {kind: msgspec.structs.replace(found, fusion=None) for kind, found in self.inputs.items()}
        return EvidenceModel(self.alphabet, self.who, alone)

    def encode(self) -> bytes:
        """Return the content of the file."""
        about = _About(FORMAT, self.alphabet, dict(self.inputs))
        arrays: dict[str, Any] = {_ABOUT: np.frombuffer(msgspec.json.encode(about), np.uint8)}
        for kind, model in self.who.items():
            arrays |= {f"{kind}.{name}": getattr(model, name).astype(np.float32) for name in _ARRAYS}
        stored = io.BytesIO()
        np.savez_compressed(stored, **arrays)
        return stored.getvalue()

    @staticmethod
    def decode(content: bytes) -> "EvidenceModel":
        """Read what `encode` wrote. EvidenceError if it is anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            about = msgspec.json.decode(arrays[_ABOUT].tobytes(), type=_About)
            if about.format != FORMAT:
                raise EvidenceError(f"the evidence model has format {about.format}, this inkgate reads {FORMAT}")
            who = {
                kind: WhoModel(**{name: arrays[f"{kind}.{name}"].astype(np.float64) for name in _ARRAYS})
                for kind in about.inputs
            }
        except EvidenceError:
            raise
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError) as error:
            raise EvidenceError(f"the evidence model cannot be read ({error})") from error
        except Exception as error:  # zlib raises its own for damaged streams
            raise EvidenceError(f"the evidence model cannot be read ({type(error).__name__})") from error
        return EvidenceModel(about.alphabet, who, about.inputs)
