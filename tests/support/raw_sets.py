"""A set of fragments -> an .npz file as another program could have written it, checked by nobody."""

from pathlib import Path
from typing import Any

import numpy as np

from edge.ink.fragment_set import FragmentSet


def save_raw(fragments: FragmentSet, path: Path, **changes: Any) -> Path:
    """Write the set with some arrays changed or added; names may be a sequence of text. Return the path."""
    arrays = {name: getattr(fragments, name) for name in ("pixels", "writer", "symbol", "order")}
    names = np.asarray(changes.pop("writer_names", fragments.writer_names), dtype=np.str_)
    np.savez_compressed(path, **arrays | changes, writer_names=names)
    return path
