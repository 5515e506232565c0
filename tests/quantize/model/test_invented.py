"""The handwriting that goes into bundles is nobody's."""

import re

import numpy as np
import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.places import MANIFEST, SHIPPED
from edge.ink.fragment import to_int8
from quantize.model.invented import INVENTED, invented_writing
from train.synthetic.writers import synthetic_set


def test_the_file_is_what_the_command_beside_its_name_makes() -> None:
    """A sample may lie 1/100 mm further on where exp and log round differently, so a few fragments may differ."""
    source = (INVENTED.parent / "invented.py").read_text()
    named = re.search(r"data export synthetic --seed (\d+) --writers (\d+) --per-writer (\d+)", source)
    assert named is not None
    seed, writers, per_writer = map(int, named.groups())
    made, found = synthetic_set(writers, per_writer, seed), invented_writing()
    assert found.pixel_bits == 8
    np.testing.assert_array_equal(found.symbol, made.symbol)
    np.testing.assert_array_equal(found.writer, made.writer)
    assert (found.pixels == made.pixels).all(axis=(1, 2)).mean() > 0.95


def test_no_fragment_is_of_the_default_invented_set_whose_writers_may_be_enrolled() -> None:
    mine = {fragment.tobytes() for fragment in invented_writing().pixels}
    assert not mine & {fragment.tobytes() for fragment in synthetic_set(10, 40).pixels}


@pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle")
def test_what_is_written_in_the_golden_words_of_the_shipped_bundle_is_of_invented_writers() -> None:
    """The first three words are white, black and noise."""
    invented = {to_int8(fragment).tobytes() for fragment in invented_writing().to_bits(1).pixels}
    bundle = Bundle.open(SHIPPED)
    for golden in (bundle.golden(), bundle.reader_golden()):
        written = golden.fragments[golden.lengths[:3].sum() :]
        assert len(written) > 5
        assert all(fragment.tobytes() in invented for fragment in written)
