"""A reader is trained, quantised, bound to its card, and says what it reads."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tf_keras

from edge.bundle.reader import CARD, MODEL, Reader, read_files
from edge.bundle.reader_card import decode_card
from edge.errors import ReaderDiffersError
from edge.ink.fragment import to_int8
from train.errors import OverwriteError, UnknownReaderError
from train.reader.convert import convert
from train.reader.evaluate import Evaluation, figures_of
from train.reader.fit import fit_reader
from train.reader.make import PAGE, REPORT, ReaderOrder, make_reader, train_reader
from train.reader.material import Material
from train.reader.measure import compute
from train.reader.network import build
from train.reader.samples import Samples
from train.reader.settings import SETTINGS, ReaderSettings
from train.reader.structure import PUBLISHED, STRUCTURES, Structure


def test_the_edge_reads_what_the_training_measured(tiny: Path, measured: dict[str, Samples]) -> None:
    reader = Reader.load(*read_files(tiny))
    samples = measured["other writers"]
    chances = reader.read(to_int8(samples.pixels))
    report = msgspec.json.decode((tiny / REPORT).read_bytes(), type=Evaluation)
    found = report.readers[0].sets[0]
    assert int((chances.argmax(axis=1) == samples.label).sum()) == found.right
    assert float(-chances[np.arange(len(samples)), samples.label].mean()) == pytest.approx(found.nll, abs=1e-4)
    # Invented digits are easy: one in ten is what a reader that learned nothing reads.
    assert found.accuracy > 0.6


def test_the_card_names_data_command_and_accuracy_and_is_bound_to_its_model(tiny: Path) -> None:
    model, content = read_files(tiny)
    card = decode_card(content)
    assert card.alphabet == "0123456789"
    assert card.command == "inkgate train-reader ..."
    assert [note.name for note in card.trained_on] == ["synthetic, background writers"] * 2
    assert [(a.set, a.fragments) for a in card.accuracy] == [("other writers", 200)]
    with pytest.raises(ReaderDiffersError):
        card.require(model[:-1] + b"?")


def test_int8_reads_about_as_well_as_float(tiny: Path) -> None:
    figures = json.loads((tiny / REPORT).read_text())["readers"][0]
    assert abs(figures["float_right"]["other writers"] - figures["sets"][0]["right"]) <= 6  # of 200


def test_the_page_shows_every_set_and_symbol(tiny: Path) -> None:
    page = (tiny / PAGE).read_text()
    assert "other writers" in page
    assert page.count("<circle") >= 1
    assert all(f"<td>{symbol}</td>" in page for symbol in "0123456789")


def test_a_finished_reader_is_not_replaced_unasked(tiny: Path) -> None:
    with pytest.raises(OverwriteError, match="--force"):
        make_reader(ReaderOrder("digits", "shipped"), tiny)


def test_the_published_network_reads_digits_only(tmp_path: Path) -> None:
    with pytest.raises(UnknownReaderError, match="digits only"):
        make_reader(ReaderOrder("letters", "published"), tmp_path)


def test_a_training_that_was_killed_goes_on_and_ends_with_the_same_weights(
    structure: Structure, material: Material, tmp_path: Path
) -> None:
    settings = replace(SETTINGS["shipped"], steps=60, batch=16)
    whole, _ = fit_reader(structure, 10, material.sources, settings)

    def stop(_what: str, done: int, _total: int, _loss: float | None = None) -> None:
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_reader(structure, 10, material.sources, settings, checkpoints=tmp_path / "c", save_every=20, progress=stop)
    resumed, _ = fit_reader(structure, 10, material.sources, settings, checkpoints=tmp_path / "c", save_every=20)
    for mine, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_equal_orders_make_equal_files(
    structure: Structure, material: Material, measured: dict[str, Samples], tmp_path: Path
) -> None:
    order = ReaderOrder("digits", "shipped", steps=3)
    for name in ("one", "two"):
        train_reader(order, structure, material, measured, tmp_path / name)
    assert (tmp_path / "one" / MODEL).read_bytes() == (tmp_path / "two" / MODEL).read_bytes()
    assert not (tmp_path / "one" / "checkpoints").exists()
    assert (tmp_path / "one" / CARD).is_file()


def test_the_published_network_is_trained_quantised_and_measured(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Structure("published", 28, 8, PUBLISHED.convolutions, 12, False)
    monkeypatch.setitem(STRUCTURES, "published", small)
    grey = Material(
        tuple(replace(s, samples=Samples(s.samples.pixels[:, 2:30, 2:30], s.samples.label)) for s in material.sources),
        material.notes,
        Samples(material.fitted_on.pixels[:, 2:30, 2:30], material.fitted_on.label),
    )
    order = ReaderOrder("digits", "published", steps=40)
    figures = train_reader(order, small, grey, {"grey": grey.fitted_on}, tmp_path)
    assert (figures.network, figures.weights) == ("published", small.weights(10))
    assert figures.sets[0].accuracy > 0.3


def test_the_int8_input_is_the_pixel_and_the_int8_output_is_near_the_networks(structure: Structure) -> None:
    tf_keras.utils.set_random_seed(3)
    network = build(structure, 5)
    rng = np.random.default_rng(0)
    samples = Samples(np.where(rng.random((300, 33, 33)) < 0.2, np.uint8(255), np.uint8(0)), np.zeros(300, np.int32))
    found = compute(convert(network, structure, samples, 0), samples).values
    exact = network.predict(samples.pixels[..., None] / np.float32(255), verbose=0)
    assert np.abs(found - exact).max() < 0.08 * np.abs(exact).max()  # a few int8 steps in each of four layers


def test_figures_refuse_a_card_of_another_network(tiny: Path) -> None:
    model, content = read_files(tiny)
    with pytest.raises(UnknownReaderError, match="known: shipped, published"):
        figures_of("x", model, msgspec.structs.replace(decode_card(content), network="larger"), {})


def test_every_network_has_settings() -> None:
    assert set(SETTINGS) == set(STRUCTURES)
    assert all(isinstance(settings, ReaderSettings) for settings in SETTINGS.values())
