"""The files of a reader in a bundle are proved to the bit, and every damage is named."""

import dataclasses

import numpy as np
import pytest
from tiny_reader import card_of, make_reader

from edge.bundle.golden import decode
from edge.bundle.kernels import comparable, reserved
from edge.bundle.manifest import PinnedExecutor
from edge.bundle.reader import CARD, MODEL, Reader, find_shipped, golden_name
from edge.errors import OtherOutputsError, ReaderDiffersError
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.kernel_sets import KernelSet, always, kernel_set
from quantize.arithmetic.rules import SINGLE
from quantize.errors import VectorsDifferError
from quantize.machine import this_machine
from quantize.model.invented import invented_writing
from quantize.model.words import Words
from quantize.proof import make_golden as under_test
from quantize.proof.reader import compare_reader_golden, reader_files, verify_reader
from quantize.proof.samples import draw_samples
from train.data.mnist import embed, load_test_images

KERNELS = "litert-xnnpack"


@pytest.fixture(scope="module")
def model() -> bytes:
    return make_reader()


@pytest.fixture(scope="module")
def card(model: bytes) -> bytes:
    return card_of(model).encode()


@pytest.fixture(scope="module")
def words() -> Words:
    return draw_samples(30, invented_writing(), "invented", np.random.default_rng(0)).words


@pytest.fixture(scope="module")
def contents(model: bytes, card: bytes, handwriting: FragmentSet) -> dict[str, bytes]:
    return reader_files(model, card, handwriting, 1, np.random.default_rng(1))


@pytest.fixture
def pinned(model: bytes, card: bytes) -> PinnedExecutor:
    reader = Reader.load(model, card)
    return PinnedExecutor(reader.runtime_name, reader.version, reader.kernels)


def test_every_kernel_set_is_equal_to_the_reference(model: bytes, card: bytes, words: Words) -> None:
    told: list[tuple[str, int]] = []
    reports = verify_reader(
        model, card, comparable(), KERNELS, words, this_machine(), progress=lambda *done: told.append(done)
    )
    assert [(report.kernels, report.error, report.mismatches) for report in reports] == [
        (name, None, 0) for name in comparable()
    ]
    assert [report.deployed for report in reports] == [name == KERNELS for name in comparable()]
    assert {name: sum(n for k, n in told if k == name) for name in comparable()} == dict.fromkeys(
        comparable(), len(words.fragments)
    )
    for report in reports:
        assert [op.op.split()[1] for op in report.ops[:-1]] == [*["CONV_2D"] * 4, "RESHAPE", *["FULLY_CONNECTED"] * 2]
        assert report.values > len(words.fragments) * 1000


def test_a_broken_rounding_rule_is_found_and_its_operation_named(
    model: bytes, card: bytes, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, architecture: str | None = None) -> KernelSet:
        return dataclasses.replace(kernel_set(name, architecture), convolution=always(SINGLE))

    monkeypatch.setattr("quantize.proof.compare_kernel_sets.kernel_set", broken)
    report = verify_reader(model, card, ["litert-reference"], KERNELS, words, this_machine())[0]
    assert not report.passed
    assert "CONV_2D" in str(report.first)


def test_a_card_of_another_model_is_refused(card: bytes, words: Words) -> None:
    with pytest.raises(ReaderDiffersError):
        verify_reader(make_reader(seed=2), card, [KERNELS], KERNELS, words, this_machine())


def test_the_files_are_model_card_and_vectors_of_the_kernels_here_and_of_reserved_ones(
    contents: dict[str, bytes], model: bytes, card: bytes, pinned: PinnedExecutor
) -> None:
    assert list(contents) == [MODEL, CARD, *(golden_name(name) for name in (pinned.kernels, *reserved()))]
    assert (contents[MODEL], contents[CARD]) == (model, card)
    reports = compare_reader_golden(contents, pinned, this_machine())
    assert [(report.error, report.passed) for report in reports] == [(None, True)] * len(reports)
    assert sum(report.fragments for report in reports) == len(reports) * 15


def test_the_golden_fragments_tell_every_kernel_set_apart(contents: dict[str, bytes]) -> None:
    assert "=" not in decode(contents[golden_name("inkgate-c")]).stamp.tells_apart


def test_the_edges_reader_verifies_itself_by_the_golden_vectors(
    contents: dict[str, bytes], pinned: PinnedExecutor
) -> None:
    golden = decode(contents[golden_name(pinned.kernels)])
    reader = Reader.load(contents[MODEL], contents[CARD])
    assert not reader.verified
    reader.verify(golden)
    assert reader.verified
    logits = golden.logits.copy()
    logits[4, 2] ^= 1
    other = dataclasses.replace(golden, tensors={**golden.tensors, golden.outputs["logits"]: logits})
    with pytest.raises(OtherOutputsError, match=r"the reader: .*golden word 2, step 0, logits 2: expected"):
        Reader.load(contents[MODEL], contents[CARD]).verify(other)


def test_an_altered_vector_is_refused_and_its_tensor_named(contents: dict[str, bytes], pinned: PinnedExecutor) -> None:
    name = golden_name(pinned.kernels)
    golden = decode(contents[name])
    tensors = {key: values.copy() for key, values in golden.tensors.items()}
    tensors["2.output"][3, 1, 1, 0] ^= 1
    altered = contents | {name: dataclasses.replace(golden, tensors=tensors).encode()}
    report = next(r for r in compare_reader_golden(altered, pinned, this_machine()) if r.file == name)
    assert not report.passed
    assert "2 CONV_2D" in str(report.error)


def test_vectors_of_another_reader_are_refused(contents: dict[str, bytes], pinned: PinnedExecutor) -> None:
    reports = compare_reader_golden(contents | {MODEL: make_reader(seed=2)}, pinned, this_machine())
    assert all("those of model" in str(report.error) for report in reports)


def test_vectors_that_the_interpreter_does_not_compute_are_not_written(
    model: bytes, card: bytes, handwriting: FragmentSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> KernelSet:
        return dataclasses.replace(kernel_set(name), convolution=always(SINGLE))

    monkeypatch.setattr(under_test, "kernel_set", broken)
    with pytest.raises(VectorsDifferError, match="CONV_2D"):
        reader_files(model, card, handwriting, 1, np.random.default_rng(1))


@pytest.mark.parametrize("alphabet", ["digits", "letters"])
def test_the_shipped_readers_are_equal_to_the_reference_on_invented_writing_and_noise(
    alphabet: str, words: Words
) -> None:
    reports = verify_reader(*find_shipped(alphabet), comparable(), KERNELS, words, this_machine())
    assert [(report.kernels, report.error, report.mismatches) for report in reports] == [
        (name, None, 0) for name in comparable()
    ]


@pytest.mark.needs("mnist")
def test_the_shipped_reader_is_equal_to_the_reference_on_mnists_digits() -> None:
    images, _ = load_test_images()
    pixels = FragmentSet(embed(images[:300]), *(np.zeros(300, np.int32) for _ in range(3))).to_bits(1).pixels
    digits = Words.of([pixels])
    reports = verify_reader(*find_shipped("digits"), comparable(), KERNELS, digits, this_machine())
    assert [(report.kernels, report.error, report.mismatches) for report in reports] == [
        (name, None, 0) for name in comparable()
    ]
    assert all(report.values > 300 * 12_000 for report in reports)
