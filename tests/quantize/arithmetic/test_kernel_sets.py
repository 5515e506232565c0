"""A kernel set is one record in each of two tables: a throw-away one appears everywhere else."""

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edge.bundle.kernels
import quantize.proof.make_golden
from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import decode
from edge.bundle.kernels import LITERT, TABLE, Kernels, comparable, requests, reserved
from edge.errors import OtherKernelsError
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic import kernel_sets
from quantize.arithmetic.kernel_sets import RULES, KernelSet, differs_by_processor, kernel_set, rivals
from quantize.errors import KernelSetError
from quantize.interpreter.executors import EngineExecutor
from quantize.make_bundle import golden_files
from quantize.model.words import Words
from quantize.proof.make_golden import draw_words
from quantize.verify import choose_kernels, verify

NEW = "litert-thrown-away"


def add(monkeypatch: pytest.MonkeyPatch, kernels: Kernels, rules: KernelSet | None = None) -> None:
    monkeypatch.setitem(edge.bundle.kernels.TABLE, kernels.name, kernels)
    if rules is not None:
        monkeypatch.setattr(kernel_sets, "RULES", (*RULES, rules))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Kernels:
    """Add LiteRT's reference kernels under another name."""
    kernels = Kernels(NEW, LITERT, "thrown-away", TABLE["litert-reference"].resolver)
    add(monkeypatch, kernels, dataclasses.replace(kernel_set("litert-reference"), name=NEW))
    return kernels


def test_every_kernel_set_that_can_be_compared_has_rules_and_every_rule_a_kernel_set() -> None:
    for name in comparable():
        assert kernel_set(name, "x86_64").name == name
    assert {rules.name for rules in RULES} <= set(TABLE)


def test_the_names_are_those_that_reports_list() -> None:
    assert comparable() == ("litert-reference", "litert-xnnpack", "litert-optimised", "inkgate-c")
    assert reserved() == ("inkgate-c",)


def test_an_added_kernel_set_can_be_asked_for_and_runs_by_its_name(
    added: Kernels, make_model: Callable[..., bytes], make_words: Callable[..., Words]
) -> None:
    assert added.request in requests()
    assert Engine.load(make_model(3), added.request).kernels == NEW
    model, words = make_model(3), make_words(3)
    same = EngineExecutor.load(model, "litert-reference").logits(words)
    assert (EngineExecutor.load(model, NEW).logits(words) == same).all()


def test_an_added_kernel_set_is_listed_wherever_one_can_be_chosen(added: Kernels, made_bundle: Path) -> None:
    bundle = Bundle.open(made_bundle)
    assert NEW in choose_kernels(bundle.manifest.executor, ["all"])
    assert NEW in choose_kernels(bundle.manifest.executor, [NEW])
    for refused in (lambda: kernel_set("cmsis-nn"), lambda: EngineExecutor.load(b"", "cmsis-nn")):
        with pytest.raises(KernelSetError, match=f"known: .*{NEW}"):
            refused()
    known = "|".join(requests())
    assert added.request in known
    with pytest.raises(OtherKernelsError, match=re.escape(f"--kernels {known}` runs it")):
        Engine.load(bundle.contents["model.tflite"], "reference").verify(bundle.golden())


def test_an_added_kernel_set_is_proved_and_its_drift_measured(
    added: Kernels, made_bundle: Path, tmp_path: Path
) -> None:
    """The bundle lies without its run: without a test set this takes a second."""
    shutil.copytree(made_bundle, tmp_path / "alone" / "bundle")
    report = verify(Bundle.open(tmp_path / "alone" / "bundle"), words=2, kernels=[NEW])
    found = next(found for found in report.kernel_sets if found.kernels == NEW)
    assert found.passed
    assert not found.reserved
    assert NEW in {drift.kernels for drift in report.drift}


def test_golden_words_are_to_tell_an_added_kernel_set_from_the_others(
    added: Kernels, make_model: Callable[..., bytes], handwriting: FragmentSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize.proof.make_golden, "TRIES", 1)
    assert NEW in rivals()
    _, tells_apart = draw_words(make_model(3), handwriting, 1, np.random.default_rng(0))
    group = next(group.split(" = ") for group in tells_apart.split(" | ") if NEW in group)
    assert "litert-reference" in group  # equal arithmetic gives equal logits


def test_a_set_that_differs_by_processor_is_a_rival_once_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Kernels(NEW, LITERT, "thrown-away", "AUTO"))
    here = dataclasses.replace(kernel_set("litert-reference"), name=NEW, processors=("x86_64",))
    there = dataclasses.replace(kernel_set("litert-xnnpack"), name=NEW, processors=("aarch64",))
    monkeypatch.setattr(kernel_sets, "RULES", (*RULES, here, there))
    assert differs_by_processor(NEW)
    assert {f"{NEW} on x86_64", f"{NEW} on aarch64"} <= set(rivals())
    with pytest.raises(KernelSetError, match=f"the arithmetic of {NEW} is known on x86_64, aarch64, not on riscv64"):
        kernel_set(NEW, "riscv64")


def test_a_kernel_set_without_rules_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Kernels(NEW, LITERT, "thrown-away", "AUTO"))
    with pytest.raises(KernelSetError, match=f"no arithmetic is known for kernels '{NEW}'"):
        rivals()


def test_a_reserved_kernel_set_has_its_oracles_rules_and_vectors_and_no_engine(
    make_model: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, Kernels("reserved-too", reserved="nobody", oracle="litert-reference"))
    monkeypatch.setattr(quantize.proof.make_golden, "TRIES", 1)
    assert dataclasses.replace(kernel_set("reserved-too"), name="litert-reference") == kernel_set("litert-reference")
    assert "reserved-too" not in rivals()
    model = make_model(3)
    files = golden_files(Engine.load(model), model, 1, np.random.default_rng(0))
    vectors = {name: decode(content) for name, content in files.items()}
    assert {"golden-inkgate-c.bin", "golden-reserved-too.bin"} <= set(files)
    own, other = vectors["golden-reserved-too.bin"], vectors["golden-inkgate-c.bin"]
    assert own.stamp == dataclasses.replace(other.stamp, kernels="reserved-too")
    np.testing.assert_array_equal(own.logits, other.logits)
