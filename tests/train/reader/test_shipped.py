"""The shipped readers read as well as their cards say, and say what they were trained on."""

from collections.abc import Callable

import pytest

from edge.bundle.reader import SHIPPED, Reader, find_shipped
from edge.bundle.reader_card import decode_card
from edge.errors import ReaderCardError
from edge.ink.fragment import to_int8
from train.reader.evaluate import structure_of
from train.reader.material import ALPHABETS, MNIST_TEST, load_measured


@pytest.mark.parametrize("name", ALPHABETS)
def test_there_is_a_reader_of_every_alphabet_bound_to_its_card(name: str) -> None:
    model, content = find_shipped(name)
    reader = Reader.load(model, content)
    assert reader.alphabet == ALPHABETS[name]
    structure = structure_of(reader.card)
    assert structure.name == "shipped"
    # Weights of one byte, biases and scales of four bytes an output, and the file's format.
    assert structure.weights(len(reader.alphabet)) < len(model) < 1.1 * structure.weights(len(reader.alphabet))


@pytest.mark.parametrize("name", ALPHABETS)
def test_its_card_says_whose_writing_it_was_trained_on_and_under_which_licence(name: str) -> None:
    card = decode_card(find_shipped(name)[1])
    unipen = [note for note in card.trained_on if note.name.startswith("unipen")]
    assert unipen
    assert all("CC BY 4.0" in note.licence for note in unipen)
    assert all(len(note.sha256) == 64 and note.writers > 0 for note in card.trained_on)
    assert card.command.startswith(f"inkgate train-reader --alphabet {name} ")
    assert {"tensorflow", "numpy"} <= set(card.versions)


def test_an_alphabet_that_is_not_shipped_is_told_with_those_that_are() -> None:
    with pytest.raises(ReaderCardError, match=r"shipped: digits, letters"):
        find_shipped("runes")
    assert sorted(path.name for path in SHIPPED.iterdir()) == sorted(ALPHABETS)


@pytest.mark.slow("reads tens of thousands of fragments")
@pytest.mark.needs("mnist", "qmnist", "ink")
def test_the_reader_of_digits_reads_995_of_1000_of_mnists_test_digits(
    record_property: Callable[[str, str], None],
) -> None:
    reader = Reader.load(*find_shipped("digits"))
    claimed = {found.set: (found.right, found.fragments) for found in reader.card.accuracy}
    found = {
        name: (int((reader.logits_int8(to_int8(s.pixels)).argmax(axis=1) == s.label).sum()), len(s))
        for name, s in load_measured("digits").items()
    }
    record_property("measured", f"read rightly: {found}")
    right, count = found[MNIST_TEST]
    assert count == 10_000
    assert right >= 9_950
    assert found == claimed
    assert found["pendigits, all writers"][0] >= 0.98 * found["pendigits, all writers"][1]


@pytest.mark.slow("reads tens of thousands of fragments")
@pytest.mark.needs("ink")
def test_the_reader_of_letters_reads_what_its_card_says() -> None:
    reader = Reader.load(*find_shipped("letters"))
    for name, samples in load_measured("letters").items():
        right = int((reader.logits_int8(to_int8(samples.pixels)).argmax(axis=1) == samples.label).sum())
        claimed = next(found for found in reader.card.accuracy if found.set == name)
        assert (right, len(samples)) == (claimed.right, claimed.fragments)
