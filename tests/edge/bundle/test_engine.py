"""The claims of edge.bundle.engine, against a bare interpreter."""

import importlib
import os
import platform
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from edge.bundle.engine import Engine, find_runtime, without_infos
from edge.errors import EngineError, KernelsRefusedError, ModelRefusedError, RuntimeMissingError
from edge.ink.fragment import to_int8
from firmware_bridge.installing import install_package

pytestmark = pytest.mark.needs("ai-edge-litert")


def bare_outputs(model: bytes, word: np.ndarray, resolver: str) -> list[np.ndarray]:
    """Return int8 outputs, [T, n] each, by the interpreter alone."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = getattr(OpResolverType, resolver)
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=kind, num_threads=1)
    interpreter.allocate_tensors()
    source, sinks = interpreter.get_input_details()[0], interpreter.get_output_details()
    rows = []
    for fragment in word:
        interpreter.set_tensor(source["index"], fragment.reshape(source["shape"]))
        interpreter.invoke()
        rows.append([interpreter.get_tensor(sink["index"]).ravel() for sink in sinks])
    return [np.array(output) for output in zip(*rows, strict=True)]


each_kernel_set = pytest.mark.parametrize(
    ("kernels", "resolver", "name"),
    [
        ("default", "AUTO", {"litert-xnnpack", "litert-optimised"}),
        ("reference", "BUILTIN_REF", {"litert-reference"}),
        ("optimised", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", {"litert-optimised"}),
    ],
)


@each_kernel_set
def test_a_step_is_one_step_of_the_interpreter_with_the_kernels_named(
    model: bytes, words: list[np.ndarray], kernels: Any, resolver: str, name: set[str]
) -> None:
    engine = Engine.load(model, kernels)
    assert engine.kernels in name
    assert engine.runtime.startswith("ai-edge-litert ")
    engine.reset()
    codes = [engine.step_int8(fragment) for fragment in to_int8(words[0])]
    logits, features = bare_outputs(model, to_int8(words[0]), resolver)
    np.testing.assert_array_equal([code.logits for code in codes], logits)
    np.testing.assert_array_equal([code.features for code in codes], features)
    assert (logits.shape[1], features.shape[1]) == (engine.outputs, engine.width) == (4, 12)


@each_kernel_set
def test_a_model_of_features_alone_gives_them_and_no_logits(
    features_model: bytes, words: list[np.ndarray], kernels: Any, resolver: str, name: set[str]
) -> None:
    engine = Engine.load(features_model, kernels)
    assert engine.kernels in name
    (expected,) = bare_outputs(features_model, to_int8(words[0]), resolver)
    step = engine.step(to_int8(words[0])[0])
    assert (engine.outputs, engine.width, step.logits.shape) == (0, 12, (0,))
    np.testing.assert_array_equal(step.features, expected[0])
    np.testing.assert_array_equal(engine.features(to_int8(words[0])), expected)
    assert engine.run_words(to_int8(words[0])[np.newaxis]).logits.shape == (1, len(words[0]), 0)


def test_features_are_those_of_a_fragment_by_itself_wherever_in_a_word_it_stands(
    engine: Engine, words: list[np.ndarray]
) -> None:
    word = to_int8(words[0])
    together = engine.features(word)
    assert (together.dtype, together.shape) == (np.int8, (len(word), 12))
    np.testing.assert_array_equal(engine.features(word[::-1]), together[::-1])
    np.testing.assert_array_equal(engine.run_words(word[np.newaxis]).features[0], together)
    assert len({row.tobytes() for row in together}) > 1


def test_asking_for_features_leaves_a_cleared_state(engine: Engine, words: list[np.ndarray]) -> None:
    word = to_int8(words[1])
    expected = engine.run_words(word[np.newaxis]).logits[0]
    engine.features(to_int8(words[0]))
    np.testing.assert_array_equal([engine.step(fragment).logits for fragment in word], expected)


def test_logits_are_dequantised_in_float64(engine: Engine, words: list[np.ndarray]) -> None:
    fragment = to_int8(words[0][0])
    engine.reset()
    codes = engine.step_int8(fragment).logits
    engine.reset()
    real = engine.step(fragment).logits
    assert real.dtype == np.float64
    np.testing.assert_array_equal(real, (codes.astype(np.float64) - engine.output_zero_point) * engine.output_scale)


def test_the_state_is_carried_within_a_word_and_cleared_between_words(engine: Engine, words: list[np.ndarray]) -> None:
    word = to_int8(words[1])
    together = engine.run_words(np.stack([word, word])).logits
    np.testing.assert_array_equal(together[0], together[1])
    engine.reset()
    first = engine.step(word[0]).logits
    engine.reset()
    alone = engine.step(word[1]).logits
    np.testing.assert_array_equal(first, together[0, 0])
    assert (alone != together[0, 1]).any()


@pytest.mark.parametrize(
    "fragment",
    [np.zeros((33, 33, 1), np.uint8), np.zeros((33, 33, 1), np.float32), np.zeros((32, 33, 1), np.int8), np.zeros(0)],
)
def test_a_fragment_of_another_kind_is_an_engine_error(engine: Engine, fragment: np.ndarray) -> None:
    with pytest.raises(EngineError, match="failed on a fragment"):
        engine.step(fragment)


def test_a_model_that_is_damaged_is_refused(model: bytes) -> None:
    for damaged in (b"", b"TFL3", b"x" * 500, model[: len(model) // 2], model[:-1], b"\x00" * 4 + model[4:]):
        with pytest.raises(ModelRefusedError):
            Engine.load(damaged)


def test_a_model_that_cannot_be_read_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ModelRefusedError, match=r"none\.tflite: the model cannot be read"):
        Engine.load(tmp_path / "none.tflite")


class FakeInterpreter:
    """A fake interpreter whose input, output and operations a test sets."""

    changes: ClassVar[dict[str, Any]] = {}
    operations = ("CONV_2D", "UNIDIRECTIONAL_SEQUENCE_LSTM")
    fails = False

    def __init__(self, **_: Any) -> None:
        if self.fails:
            raise ValueError("no such operation")

    def allocate_tensors(self) -> None: ...
    def set_tensor(self, *_: Any) -> None: ...
    def invoke(self) -> None: ...
    def get_tensor(self, _: int) -> np.ndarray:
        return np.zeros((1, 1, 4), np.int8)

    def reset_all_variables(self) -> None:
        raise RuntimeError("broken")

    def _get_ops_details(self) -> list[dict[str, Any]]:
        return [{"op_name": name, "outputs": np.array([9])} for name in self.operations]

    def get_tensor_details(self) -> list[dict[str, Any]]:
        return self.get_input_details() + self.get_output_details()

    def get_input_details(self) -> list[dict[str, Any]]:
        source = {"index": 0, "dtype": np.int8, "shape": np.array([1, 1, 33, 33, 1]), "quantization": (1 / 255, -128)}
        return [source | self.changes.get("input", {})] * self.changes.get("inputs", 1)

    def get_output_details(self) -> list[dict[str, Any]]:
        logits = {"index": 9, "dtype": np.int8, "shape": np.array([1, 1, 4]), "quantization": (0.5, 3)}
        features = {"index": 7, "dtype": np.int8, "shape": np.array([1, 12]), "quantization": (1 / 128, 0)}
        both = [logits | self.changes.get("output", {}), features | self.changes.get("features", {})]
        return both[self.changes.get("without", 0) :] + both[: self.changes.get("more", 0)]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a fake interpreter in place of a runtime, and none in place of the other."""

    def install(module: str = "ai_edge_litert", **attributes: Any) -> None:
        fake = types.ModuleType(f"{module}.interpreter")
        fake.Interpreter = type("Interpreter", (FakeInterpreter,), attributes)  # type: ignore[attr-defined]  # a module
        fake.OpResolverType = types.SimpleNamespace(  # type: ignore[attr-defined]  # a module
            AUTO=0, BUILTIN_REF=1, BUILTIN_WITHOUT_DEFAULT_DELEGATES=2
        )
        for name in ("ai_edge_litert", "tflite_runtime"):
            found = fake if name == module else None
            monkeypatch.setitem(sys.modules, f"{name}.interpreter", found)  # type: ignore[arg-type]  # None: no import
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name) if found else None)  # type: ignore[arg-type]  # as above

    return install


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": 2},
        {"input": {"dtype": np.float32}},
        {"input": {"shape": np.array([1, 33, 33, 1])}},
        {"input": {"shape": np.array([1, 8, 33, 33, 1])}},
        {"input": {"quantization": (1 / 255, 0)}},
        {"input": {"quantization": (1 / 127, -128)}},
        {"output": {"dtype": np.float32}},
        {"output": {"shape": np.array([1, 1, 1])}},
        {"output": {"shape": np.array([1, 8, 4])}},
        {"output": {"quantization": (0.0, 0)}},
        {"features": {"dtype": np.float32}},
        {"features": {"shape": np.array([2, 12])}},
        {"features": {"shape": np.array([1, 0])}},
        {"features": {"quantization": (1 / 127, 0)}},
        {"features": {"quantization": (1 / 128, 1)}},
        {"without": 2},
        {"more": 1},
    ],
)
def test_a_model_with_other_borders_is_refused(pretend: Callable[..., None], changes: dict[str, Any]) -> None:
    pretend(changes=changes)
    with pytest.raises(ModelRefusedError, match=r"the model|the input's"):
        Engine.load(b"0000TFL3")


def test_a_model_without_state_or_with_an_unknown_operation_is_refused(pretend: Callable[..., None]) -> None:
    pretend(operations=("CONV_2D", "WHILE"))
    with pytest.raises(ModelRefusedError, match="logits without a state"):
        Engine.load(b"0000TFL3")
    pretend(changes={"without": 1})
    with pytest.raises(ModelRefusedError, match=r"a state \(UNIDIRECTIONAL_SEQUENCE_LSTM\) without logits"):
        Engine.load(b"0000TFL3")
    pretend(fails=True)
    with pytest.raises(ModelRefusedError, match="no such operation"):
        Engine.load(b"0000TFL3")


def test_both_shapes_of_output_are_taken(pretend: Callable[..., None]) -> None:
    pretend(changes={"output": {"shape": np.array([1, 4])}})
    assert Engine.load(b"0000TFL3").outputs == 4


def test_kernels_are_named_after_the_prepared_graph_not_after_what_was_asked(pretend: Callable[..., None]) -> None:
    pretend()
    assert Engine.load(b"0000TFL3").kernels == "litert-optimised"
    pretend(operations=("CONV_2D", "UNIDIRECTIONAL_SEQUENCE_LSTM", "DELEGATE"))
    assert Engine.load(b"0000TFL3").kernels == "litert-xnnpack"


def test_tflite_runtime_is_taken_where_there_is_no_litert_but_its_reference_kernels_only_where_they_are_right(
    pretend: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend("tflite_runtime", operations=("UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"))
    monkeypatch.setattr(np, "__version__", "1.26.4")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    engine = Engine.load(b"0000TFL3")
    assert engine.runtime.startswith("tflite-runtime ")
    assert engine.kernels == "tflite-runtime-optimised"
    with pytest.raises(KernelsRefusedError, match="wrong results for this network"):
        Engine.load(b"0000TFL3", "reference")
    flat = {"output": {"shape": np.array([1, 4])}}
    pretend("tflite_runtime", operations=("UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"), changes=flat)
    assert Engine.load(b"0000TFL3", "reference").kernels == "tflite-runtime-reference"


@pytest.mark.parametrize(
    ("python", "added"), [((3, 11, 2), ""), ((3, 12, 1), "; tflite-runtime exists up to Python 3.11, here is 3.12")]
)
def test_without_any_runtime_the_message_says_what_to_install_and_why_an_extra_brought_nothing(
    pretend: Callable[..., None], monkeypatch: pytest.MonkeyPatch, python: tuple[int, int, int], added: str
) -> None:
    """`pip install .[edge-tflite-runtime]` succeeds on Python 3.12, and installs no interpreter."""
    pretend("neither")
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(RuntimeMissingError) as caught:
        find_runtime()
    assert str(caught.value).endswith(f"); {install_package('ai-edge-litert')} gives one{added}")
    assert "ai-edge-litert: " in str(caught.value)
    assert "tflite-runtime: " in str(caught.value)


def test_tflite_runtime_beside_a_numpy_that_it_was_not_built_for_is_not_taken(
    pretend: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With numpy 2, tflite-runtime can be imported and raises SystemError at the first model."""
    pretend("tflite_runtime")
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(RuntimeMissingError, match=r"built for numpy 1, here is 2\.4\.6: `.* install 'numpy<2'`"):
        find_runtime()


def test_a_32_bit_system_is_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    monkeypatch.setattr(platform, "machine", lambda: "armv7l")
    with pytest.raises(RuntimeMissingError, match=r"this is a 32-bit system \(armv7l\).*Raspberry Pi OS \(64-bit\)"):
        find_runtime()


def test_a_runtime_too_old_for_a_kernel_set_is_named(
    pretend: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend()
    module = importlib.import_module("ai_edge_litert.interpreter")
    monkeypatch.setattr(module, "OpResolverType", types.SimpleNamespace(AUTO=0))
    with pytest.raises(KernelsRefusedError, match="optimised"):
        Engine.load(b"0000TFL3", "optimised")


def test_an_unknown_kernel_set_is_refused(model: bytes) -> None:
    with pytest.raises(KernelsRefusedError, match="default, optimised, reference"):
        Engine.load(model, "fastest")


def test_an_interpreter_that_cannot_be_reset_is_an_engine_error(pretend: Callable[..., None]) -> None:
    pretend()
    with pytest.raises(EngineError, match="cannot be reset"):
        Engine.load(b"0000TFL3").reset()


@pytest.mark.parametrize("answer", [RuntimeError("node 3 failed"), None])
def test_an_interpreter_that_does_not_tell_its_inputs_is_refused(answer: RuntimeError | None) -> None:
    class Silent:
        def get_input_details(self) -> None:
            if answer is not None:
                raise answer

        get_output_details = get_input_details

    with pytest.raises(ModelRefusedError, match="does not tell the model's inputs and outputs"):
        Engine(Silent(), find_runtime(), "any")


def test_the_interpreters_infos_are_not_written_between_words_and_all_else_is(
    model: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    Engine.load(model)
    assert capfd.readouterr().err == ""
    with without_infos():
        os.write(2, b"INFO: Created a delegate.\nWARNING: it is slow\nERROR: it fails")
    assert capfd.readouterr().err == "WARNING: it is slow\nERROR: it fails"


def test_an_engine_is_prepared_where_there_is_no_stderr(model: bytes) -> None:
    kept = os.dup(2)
    os.close(2)
    try:
        Engine.load(model)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
