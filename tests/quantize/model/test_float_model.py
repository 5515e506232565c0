"""Float weights that cannot be a float model are refused."""

import numpy as np
import pytest

from quantize.errors import ModelFileError
from quantize.model.float_model import FloatModel


def test_float_weights_that_are_damaged_or_incomplete_are_refused() -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        FloatModel.load(b"PK\3\4 but no archive")
    with pytest.raises(ModelFileError, match=r"lack conv1\.bias, fc\.bias, fc\.kernel$"):
        FloatModel({"conv1.kernel": np.zeros(1)})
    for one in ("lstm.kernel", "logits.bias"):  # one weight behind the features, and all of them are needed
        with pytest.raises(ModelFileError, match=r"lack .*lstm\.recurrent"):
            FloatModel({"conv1.kernel": np.zeros(1), one: np.zeros(1)})
