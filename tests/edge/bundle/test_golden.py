"""The claims of edge.bundle.golden."""

import hashlib
import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge.bundle.golden import GoldenVectors, Stamp, check, decode
from edge.errors import ForeignVectorsError, GoldenError, StaleVectorsError

MODEL = b"the model"
STAMP = Stamp("inkgate", "1", "ai-edge-litert", "2.3.0", "litert-xnnpack", "CONV_2D: once", "Linux", "a | b = c")


def vectors(lengths: tuple[int, ...] = (2, 1, 3)) -> GoldenVectors:
    rng, count = np.random.default_rng(1), sum(lengths)
    return GoldenVectors(
        STAMP,
        hashlib.sha256(MODEL).hexdigest(),
        rng.integers(-128, 128, (count, 33, 33, 1)).astype(np.int8),
        np.asarray(lengths, np.int32),
        {
            "0.output": rng.integers(-128, 128, (count, 3, 5)).astype(np.int8),
            "1.cell_state": rng.integers(-32768, 32768, (count, 7)).astype(np.int16),
            "2.output": rng.integers(-128, 128, (count, 1, 4)).astype(np.int8),
        },
        {"features": "0.output", "logits": "2.output"},
    )


WHOLE = vectors().encode()


def sealed(content: bytes) -> bytes:
    """Return the file with the right hash at its end, as a forger who knows the format would make it."""
    return content[:-32] + hashlib.sha256(content[:-32]).digest()


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.sampled_from([np.int8, np.int16, np.int32]), arrays.array_shapes(max_dims=5, max_side=5)),
        max_size=4,
    ),
)
def test_what_was_written_is_read_again(lengths: list[int], kinds: list[tuple[type, tuple[int, ...]]]) -> None:
    count, rng = sum(lengths), np.random.default_rng(0)
    kinds = [*kinds, (np.int8, (3,))]
    tensors = {
        f"{i}.output": rng.integers(-128, 128, (count, *shape)).astype(dtype) for i, (dtype, shape) in enumerate(kinds)
    }
    golden = replace(vectors(tuple(lengths)), tensors=tensors, outputs={"logits": list(tensors)[-1]})
    again = decode(golden.encode())
    assert (again.stamp, again.model_sha256, list(again.tensors)) == (STAMP, golden.model_sha256, list(tensors))
    for name, tensor in tensors.items():
        assert again.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors[name], tensor)
    np.testing.assert_array_equal(again.fragments, golden.fragments)
    np.testing.assert_array_equal(again.lengths, golden.lengths)
    assert again.outputs == golden.outputs
    assert (again.logits.shape, again.features.shape) == ((count, 3), (count, 0))


def test_every_array_is_aligned_and_found_by_the_table_alone() -> None:
    """Read the file as C would: by struct and offsets, without edge.bundle.golden."""
    entries = struct.unpack_from("<I", WHOLE, 12)[0]
    assert WHOLE[16:48] == hashlib.sha256(MODEL).digest()
    found = {}
    for i in range(entries):
        name, code, rank, *dims, offset, size = struct.unpack_from("<48sII6IQQ", WHOLE, 64 + 96 * i)
        assert offset % 16 == 0
        values = np.frombuffer(WHOLE[offset : offset + size], {1: "<i1", 2: "<i2", 3: "<i4", 4: "S1"}[code])
        found[name.rstrip(b"\0").decode()] = values.reshape(dims[:rank])
    assert list(found) == ["stamp", "outputs", "fragments", "lengths", "0.output", "1.cell_state", "2.output"]
    np.testing.assert_array_equal(found["1.cell_state"], vectors().tensors["1.cell_state"])
    assert b"\nkernels: litert-xnnpack\n" in found["stamp"].tobytes()
    assert found["outputs"].tobytes() == b"features: 0.output\nlogits: 2.output\n"
    assert WHOLE[-32:] == hashlib.sha256(WHOLE[:-32]).digest()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_any_changed_bit_is_refused(position: int, bit: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= 1 << bit
    with pytest.raises(GoldenError):
        decode(bytes(changed))


@pytest.mark.parametrize("length", [0, 7, 8, 63, 64, 95, len(WHOLE) - 33, len(WHOLE) - 1])
def test_a_file_cut_off_is_refused(length: int) -> None:
    with pytest.raises(GoldenError):
        decode(WHOLE[:length])
    with pytest.raises(GoldenError):
        decode(WHOLE + b"\0")


@given(st.integers(12, 64 + 7 * 96 - 1), st.integers(1, 255))
def test_a_sealed_file_with_a_wrong_header_or_table_is_refused(position: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= change
    try:
        golden = decode(sealed(bytes(changed)))
    except GoldenError:
        return
    # Only the model's hash and the tensors' names may have any value.
    renamed = list(golden.tensors) != list(vectors().tensors)
    assert renamed or (16 <= position < 48 and golden.model_sha256 != hashlib.sha256(MODEL).hexdigest())


@given(st.binary(max_size=600))
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    for data in (content, b"INKGOLD\0" + content, sealed(b"INKGOLD\0\1\0\0\0" + content + bytes(32))):
        with pytest.raises(GoldenError):
            decode(data)


def test_vectors_of_another_format_are_stale() -> None:
    for version in (1, 3):
        other = sealed(WHOLE[:8] + struct.pack("<I", version) + WHOLE[12:])
        with pytest.raises(StaleVectorsError, match=f"format {version}, this inkgate reads format 2"):
            decode(other)


def test_vectors_of_another_model_kernel_set_or_runtime_are_refused_by_name() -> None:
    golden = vectors()
    check(golden, MODEL, "litert-xnnpack")
    check(golden, MODEL, "litert-xnnpack", ("ai-edge-litert", "2.3.0"))
    with pytest.raises(StaleVectorsError, match=r"those of model .*, the model here is"):
        check(golden, MODEL + b"!", "litert-xnnpack")
    with pytest.raises(ForeignVectorsError, match="kernels litert-xnnpack, not of litert-optimised"):
        check(golden, MODEL, "litert-optimised")
    for runtime in (("tflite-runtime", "2.3.0"), ("ai-edge-litert", "2.3.1")):
        with pytest.raises(ForeignVectorsError, match=r"ai-edge-litert 2\.3\.0, not of " + " ".join(runtime)):
            check(golden, MODEL, "litert-xnnpack", runtime)


@given(st.sampled_from(["features", "logits"]), st.integers(0, 5), st.integers(0, 3))
def test_the_first_difference_says_word_step_output_and_place(output: str, fragment: int, place: int) -> None:
    golden = vectors()
    right = {"logits": golden.logits, "features": golden.features}
    assert golden.first_difference(right) is None
    other = golden.output(output).copy()
    other[fragment:, place] ^= 1
    found = golden.first_difference(right | {output: other})
    assert found is not None
    word, step = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2)][fragment]
    assert found == (word, step, output, place, golden.output(output)[fragment, place], other[fragment, place])
    assert f"golden word {word}, step {step}, {output} {place}: expected" in str(found)
    with pytest.raises(GoldenError, match=f"{output} of shape"):
        golden.first_difference(right | {output: other[:, :3]})


def test_of_two_outputs_that_differ_the_earlier_fragment_is_named_and_in_one_fragment_the_cause() -> None:
    golden = vectors()
    logits, features = golden.logits.copy(), golden.features.copy()
    logits[1:] ^= 1
    features[2:] ^= 1
    found = golden.first_difference({"logits": logits, "features": features})
    assert found is not None
    assert found[:4] == (0, 1, "logits", 0)
    features[1] ^= 1
    found = golden.first_difference({"logits": logits, "features": features})
    assert found is not None
    assert found[:4] == (0, 1, "features", 0)


def test_a_comparison_that_leaves_an_output_out_is_refused() -> None:
    golden = vectors()
    for left in ({"logits": golden.logits}, {"features": golden.features}, {}):
        with pytest.raises(GoldenError, match="where the golden ones are features, logits"):
            golden.first_difference(left)


def test_the_words_are_the_fragments_divided_by_their_lengths() -> None:
    golden = vectors()
    assert [len(word) for word in golden.words()] == [2, 1, 3]
    np.testing.assert_array_equal(np.concatenate(list(golden.words())), golden.fragments)


@pytest.mark.parametrize(
    "change",
    [
        {"lengths": np.array([2, 1, 2], np.int32)},
        {"lengths": np.array([6, 0], np.int32)},
        {"lengths": np.array([], np.int32)},
        {"lengths": np.array([2, 1, 3])},
        {"model_sha256": "0" * 63},
        {"model_sha256": "x" * 64},
        {"fragments": np.zeros((6, 33, 33), np.int8)},
        {"fragments": np.zeros((6, 33, 33, 1), np.uint8)},
        {"tensors": {}},
        {"tensors": {"2.output": np.zeros((5, 4), np.int8)}, "outputs": {"logits": "2.output"}},
        {"tensors": {"2.output": np.zeros((6, 4), np.float32)}, "outputs": {"logits": "2.output"}},
        {"tensors": {"2.output": np.zeros((6, 4), np.int16)}, "outputs": {"logits": "2.output"}},
        {"tensors": {"stamp": np.zeros((6, 4), np.int8)}, "outputs": {"logits": "stamp"}},
        {"tensors": {"x" * 48: np.zeros((6, 4), np.int8)}, "outputs": {"logits": "x" * 48}},
        {"outputs": {}},
        {"outputs": {"features": "0.output", "logits": "3.output"}},
        {"outputs": {"features": "1.cell_state"}},
        {"outputs": {"fea tures": "0.output"}},
    ],
)
def test_vectors_that_do_not_fit_each_other_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(GoldenError):
        replace(vectors(), **change)  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("field", [field.name for field in fields(Stamp)])
def test_a_stamp_of_several_lines_is_refused(field: str) -> None:
    for text in ("two\nlines", " indented", "\x1b[31m"):
        with pytest.raises(GoldenError, match=field):
            replace(STAMP, **{field: text})
