"""Background writers -> the backbone: convolutions, hidden layer and LSTM that tell writers apart.

First convolutions and hidden layer are trained on single fragments, then the LSTM on words of their features. The
outputs, which name the background writers, are thrown away. Every enrolment starts from the layers that remain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from train.network.backbone import Arrays, Backbone, extract, transfer
from train.network.keras_model import build
from train.network.pretrain_front import train_front
from train.network.pretrain_words import train_words
from train.network.sources import Source
from train.network.training_settings import PretrainSettings
from train.plan.architecture import ArchitecturePlan
from train.progress import Progress, silent

Losses = list[tuple[int, float]]

_FRONT = "front.npz"
_ABOUT = "about"


def pretrain(
    sources: Sequence[Source],
    plan: ArchitecturePlan,
    pixel_bits: int,
    settings: PretrainSettings,
    *,
    start: Backbone | None = None,
    checkpoints: Path | None = None,
    progress: Progress = silent,
) -> tuple[Arrays, dict[str, Losses]]:
    """Train a network to tell the writers of each source apart; return the backbone's weights.

    The network is the plan's. With them come the losses, (step, mean loss), of the stages "fragments" and "words".
    sources: of 8-bit fragments.
    `start` is a backbone to go on from, perhaps of another depth of pixels. A training that was killed goes on from
    what it left in the folder `checkpoints`.
    """
    tf_keras.utils.set_random_seed(settings.seed)
    model = build(plan, outputs=sum(len(source.writers) for source in sources))
    if start is not None:
        transfer(start.arrays, model)
    recipe = {
        "data": [source.identity for source in sources],
        "plan": plan.to_dict(),
        "bits": pixel_bits,
        "start": dict(start.about) if start else None,
    }
    kept = None if checkpoints is None else checkpoints / _FRONT
    more: dict[str, Any] = {"recipe": recipe, "progress": progress}
    found = None if kept is None else _recall(kept, recipe | {"settings": repr(settings)})
    if found is None:
        folder = None if checkpoints is None else checkpoints / "fragments"
        fragments = train_front(model, sources, pixel_bits, settings, checkpoints=folder, **more)
        if kept is not None:
            _keep(kept, extract(model), fragments, recipe | {"settings": repr(settings)})
    else:
        arrays, fragments = found
        transfer(arrays, model)
    folder = None if checkpoints is None else checkpoints / "words"
    words = train_words(model, sources, pixel_bits, settings, checkpoints=folder, **more)
    if kept is not None:
        kept.unlink()
        kept.parent.rmdir()
    return extract(model), {"fragments": fragments, "words": words}


def _keep(path: Path, arrays: Arrays, losses: Losses, recipe: Mapping[str, Any]) -> None:
    """Write what the first stage has made: a training killed in the second need not repeat it."""
    about = json.dumps({"recipe": recipe, "losses": losses}, sort_keys=True)
    part = path.with_suffix(".part.npz")
    everything: dict[str, Any] = {**arrays, _ABOUT: np.array(about)}
    np.savez(part, **everything)
    part.replace(path)


def _recall(path: Path, recipe: Mapping[str, Any]) -> tuple[Arrays, Losses] | None:
    """Return what `_keep` has written; None if there is nothing or it was made by another recipe."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(str(arrays.pop(_ABOUT)))
    if about["recipe"] != json.loads(json.dumps(recipe)):
        return None
    return arrays, [(int(number), float(loss)) for number, loss in about["losses"]]
