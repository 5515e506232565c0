"""Float weights that cannot be a float model are refused."""

import numpy as np
import pytest

from quantize.errors import ModelFileError
from quantize.model.float_model import FloatModel


def test_float_weights_that_are_damaged_or_incomplete_are_refused() -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        FloatModel.load(b"PK\3\4 but no archive")
    with pytest.raises(ModelFileError, match=r"lack .*lstm\.recurrent"):
        FloatModel({"conv1.kernel": np.zeros(1)})
