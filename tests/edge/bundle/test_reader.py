"""The edge reads symbols as the bare interpreter does, and refuses what is no reader."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from generated_models import ModelBuilder
from scipy.special import log_softmax
from tiny_reader import ALPHABET, card_of, make_reader

from edge.bundle.golden import GoldenVectors, Stamp
from edge.bundle.reader import CARD, MODEL, Reader, read_files
from edge.bundle.reader_card import decode_card
from edge.errors import (
    EngineError,
    KernelsRefusedError,
    ModelRefusedError,
    OtherKernelsError,
    OtherOutputsError,
    OtherRuntimeError,
    ReaderCardError,
    ReaderDiffersError,
)

pytestmark = pytest.mark.needs("ai-edge-litert")


@pytest.fixture(scope="module")
def model() -> bytes:
    return make_reader()


@pytest.fixture(scope="module")
def reader(model: bytes) -> Reader:
    return Reader.load(model, card_of(model))


@pytest.fixture(scope="module")
def fragments() -> np.ndarray:
    """Return 20 fragments of unequal density."""
    dense = np.random.default_rng(0).random((20, 33, 33, 1)) < np.linspace(0.05, 0.95, 20)[:, None, None, None]
    return np.where(dense, np.int8(127), np.int8(-128))


def golden_of(reader: Reader, model: bytes, fragments: np.ndarray, **stamp: str) -> GoldenVectors:
    known = {"runtime": reader.runtime_name, "version": reader.version, "kernels": reader.kernels} | stamp
    sealed = Stamp(tool="test", tool_version="0", rules="none", machine="this machine", tells_apart="", **known)
    lengths = np.ones(len(fragments), np.int32)
    tensors, sha256 = {"6.output": reader.logits_int8(fragments)}, hashlib.sha256(model).hexdigest()
    return GoldenVectors(sealed, sha256, fragments, lengths, tensors, {"logits": "6.output"})


def test_logits_are_the_bare_interpreters(reader: Reader, model: bytes, fragments: np.ndarray) -> None:
    from ai_edge_litert.interpreter import Interpreter

    bare = Interpreter(model_content=model, num_threads=1)
    bare.allocate_tensors()
    source, sink = bare.get_input_details()[0]["index"], bare.get_output_details()[0]["index"]
    for fragment, logits in zip(fragments, reader.logits_int8(fragments), strict=True):
        bare.set_tensor(source, fragment[np.newaxis])
        bare.invoke()
        np.testing.assert_array_equal(bare.get_tensor(sink)[0], logits)
    assert len(np.unique(reader.logits_int8(fragments))) > 20


def test_log_probabilities_are_those_of_the_logits_over_the_temperature(reader: Reader, fragments: np.ndarray) -> None:
    real = (reader.logits_int8(fragments).astype(float) - reader.output_zero_point) * reader.output_scale
    found = reader.read(fragments)
    assert found.shape == (20, len(ALPHABET))
    np.testing.assert_allclose(found, log_softmax(real / 1.5, axis=1), atol=1e-12)
    assert reader.alphabet == ALPHABET


def test_a_fragment_is_read_the_same_whatever_is_read_before_it(reader: Reader, fragments: np.ndarray) -> None:
    np.testing.assert_array_equal(reader.read(fragments)[::-1], reader.read(fragments[::-1]))


def test_no_fragments_have_no_readings(reader: Reader, fragments: np.ndarray) -> None:
    assert reader.read(fragments[:0]).shape == (0, len(ALPHABET))


def test_fragments_of_another_type_or_shape_are_an_error(reader: Reader, fragments: np.ndarray) -> None:
    for wrong in (fragments.astype(np.uint8), fragments[..., 0], fragments[:, 1:]):
        with pytest.raises(EngineError, match="fragments are int8"):
            reader.read(wrong)


def test_an_interpreter_that_fails_is_an_engine_error(model: bytes, fragments: np.ndarray) -> None:
    reader = Reader.load(model, card_of(model))

    def fail() -> None:
        raise RuntimeError("out of memory")

    reader._invoke = fail
    with pytest.raises(EngineError, match="out of memory"):
        reader.read(fragments)


@pytest.mark.parametrize(("kernels", "name"), [("reference", "litert-reference"), ("optimised", "litert-optimised")])
def test_kernels_are_those_that_were_asked_for(model: bytes, kernels: str, name: str) -> None:
    assert Reader.load(model, card_of(model), kernels).kernels == name


def test_unknown_kernels_are_refused(model: bytes) -> None:
    with pytest.raises(KernelsRefusedError):
        Reader.load(model, card_of(model), "fastest")


# --- verified ------------------------------------------------------------------------------------------------------


def test_a_reader_is_verified_by_its_golden_fragments(model: bytes, fragments: np.ndarray) -> None:
    reader = Reader.load(model, card_of(model))
    golden = golden_of(reader, model, fragments)
    assert not reader.verified
    reader.verify(golden)
    assert reader.verified


@pytest.mark.parametrize(
    ("stamp", "error"),
    [
        ({"version": "1.0"}, OtherRuntimeError),
        ({"runtime": "tflite-runtime"}, OtherRuntimeError),
        ({"kernels": "litert-reference"}, OtherKernelsError),
    ],
)
def test_another_runtime_or_kernel_set_is_refused(
    model: bytes, fragments: np.ndarray, stamp: dict[str, str], error: type[Exception]
) -> None:
    reader = Reader.load(model, card_of(model))
    with pytest.raises(error):
        reader.verify(golden_of(reader, model, fragments, **stamp))
    assert not reader.verified


def test_another_readers_logits_are_refused_and_the_first_is_named(model: bytes, fragments: np.ndarray) -> None:
    reader, other = Reader.load(model, card_of(model)), make_reader(seed=2)
    with pytest.raises(OtherOutputsError, match=r"the reader: .*golden word \d, step 0, logits \d: expected"):
        reader.verify(golden_of(Reader.load(other, card_of(other)), model, fragments))
    assert not reader.verified


# --- what is no reader ---------------------------------------------------------------------------------------------


def test_a_card_of_another_model_is_refused(model: bytes) -> None:
    with pytest.raises(ReaderDiffersError) as caught:
        Reader.load(make_reader(seed=2), card_of(model))
    assert caught.value.exit_code == 4


def test_an_alphabet_of_another_length_is_refused(model: bytes) -> None:
    with pytest.raises(ModelRefusedError, match=r"output is int8 \[1, 4\], not int8 \[1, 5\]"):
        Reader.load(model, card_of(model, alphabet="01234"))


def test_the_stateful_model_of_users_is_no_reader(request: pytest.FixtureRequest) -> None:
    users: bytes = request.getfixturevalue("features_model")
    with pytest.raises(ModelRefusedError, match="the reader's input is"):
        Reader.load(users, card_of(users))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x1c\0\0\0TFL3" + bytes(100)])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(ModelRefusedError):
        Reader.load(content, card_of(content))


def dense(scale: float = 1 / 255, zeros: int = -128, side: int = 33) -> bytes:
    """Return one fully connected layer from pixels to four logits."""
    b = ModelBuilder()
    x = b.tensor((1, side, side, 1), scales=scale, zeros=zeros)
    weights = b.tensor((4, side * side), data=np.ones((4, side * side), np.int8), scales=0.01)
    output = b.tensor((1, 4), scales=0.1)
    return b.finish(x, b.op("FULLY_CONNECTED", [x, weights, -1], output, version=5))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: dense(scale=1 / 128), "input scale and zero point"),
        (lambda: dense(zeros=0), "input scale and zero point"),
        (lambda: dense(side=28), r"input is int8 \[1, 28, 28, 1\]"),
    ],
)
def test_a_model_that_takes_other_fragments_is_refused(make: Callable[[], bytes], reason: str) -> None:
    model = make()
    with pytest.raises(ModelRefusedError, match=reason):
        Reader.load(model, card_of(model))


def test_a_layer_that_takes_fragments_and_gives_logits_is_a_reader() -> None:
    assert Reader.load(dense(), card_of(dense())).alphabet == ALPHABET


# --- cards ---------------------------------------------------------------------------------------------------------


def test_a_card_comes_back_as_it_was(model: bytes) -> None:
    card = card_of(model, notes=("one", "two"))
    assert decode_card(card.encode()) == card


@pytest.mark.parametrize(
    "fields",
    [
        {"alphabet": "0"},
        {"alphabet": "0120"},
        {"alphabet": "01 2"},
        {"alphabet": "01\n2"},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"temperature": -1.0},
        {"format": "inkgate-reader/9"},
    ],
)
def test_a_card_that_cannot_be_used_is_refused(model: bytes, fields: dict[str, object]) -> None:
    with pytest.raises(ReaderCardError):
        card_of(model, **fields)
    content = msgspec.to_builtins(card_of(model)) | fields
    with pytest.raises(ReaderCardError):
        decode_card(msgspec.json.encode(content))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format": 3}'])
def test_a_file_that_is_no_card_is_refused(content: bytes) -> None:
    with pytest.raises(ReaderCardError):
        decode_card(content)


def test_a_folder_without_a_reader_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(b"x")
    with pytest.raises(ReaderCardError, match=rf"{CARD}: no reader .*inkgate train-reader"):
        read_files(tmp_path)
