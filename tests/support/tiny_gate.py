"""A tiny int8 model, a bundle around it, words, and boards that are plain lists of events."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from edge.bundle.bundle import FORMAT, Bundle, ErrorRates, Manifest, PinnedExecutor, Provenance, write_bundle
from edge.bundle.engine import Engine, find_runtime
from edge.bundle.golden import GoldenVectors, Stamp, file_name
from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import Decision, decide
from edge.decision.thresholds import Thresholds
from edge.gate.loop import Rule
from edge.ink.fragment import to_int8
from firmware_bridge.session.events import BoardInfo, Connected, Event, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.wire.messages import Kind

# A machine that trains beside the tests is slow by fits and starts; how long an example takes proves nothing.
settings.register_profile("inkgate-edge", deadline=None)
settings.load_profile("inkgate-edge")

Words = list[npt.NDArray[np.uint8]]
USERS = ("Ada", "Ben", "Cleo")
SESSION = 7


@pytest.fixture(scope="session")
def model() -> bytes:
    """The bytes of tiny_model.tflite, if it is what tiny_model.py makes."""
    recipe = Path(__file__).with_name("tiny_model.py")
    card, content = json.loads(recipe.with_suffix(".json").read_text()), recipe.with_suffix(".tflite").read_bytes()
    found = [hashlib.sha256(data).hexdigest() for data in (recipe.read_bytes(), content)]
    assert found == [card["recipe_sha256"], card["model_sha256"]], "run `python tests/support/tiny_model.py`"
    return content


@pytest.fixture(scope="session")
def engine(model: bytes) -> Engine:
    return Engine.load(model)


def make_words(count: int, seed: int, longest: int = 8) -> Words:
    """Words of 4 to `longest` black-and-white fragments: blots of differing density, so that the scores differ."""
    rng = np.random.default_rng(seed)
    words = []
    for _ in range(count):
        density = rng.uniform(0.02, 0.9)
        pixels = rng.random((rng.integers(4, longest + 1), 33, 33)) < density
        words.append(np.where(pixels, np.uint8(255), np.uint8(0)))
    return words


@pytest.fixture(scope="session")
def words() -> Words:
    return make_words(12, seed=1)


@pytest.fixture(scope="session")
def thresholds(engine: Engine) -> Thresholds:
    """Between the scores of random words, so that about a third of them is accepted and a third rejected."""
    many = make_words(40, seed=2)
    last = [float(word_scores(engine.run_words(to_int8(w)[np.newaxis])[0])[-1].max()) for w in many]
    low, high = np.quantile(last, [0.35, 0.65])
    return Thresholds((float(high),) * MAX_SYMBOLS, (float(low),) * MAX_SYMBOLS, 3, 0.01, 0.1, len(many))


@pytest.fixture(scope="session")
def rule(thresholds: Thresholds) -> Rule:
    return Rule(thresholds, USERS, 1, "b" * 64)


@pytest.fixture
def manifest(thresholds: Thresholds, engine: Engine) -> Manifest:
    runtime = find_runtime()
    return Manifest(
        format=FORMAT,
        plan={"users": len(USERS)},
        users=USERS,
        pixel_bits=1,
        thresholds=thresholds,
        executor=PinnedExecutor(runtime.name, runtime.version, engine.kernels),
        error_rates=ErrorRates({4: 0.01}, {4: 0.2}),
        provenance=Provenance("..", {}, "0" * 64, "test", 0, 0, {}, "2026-01-01T00:00:00Z", "test"),
    )


def make_golden(engine: Engine, model: bytes) -> GoldenVectors:
    """What this engine computes, in place of what quantize verifies: the edge does without quantize."""
    lengths = np.array([1, 2, 5], np.int32)
    fragments = to_int8(np.concatenate(make_words(2, seed=3))[: lengths.sum()])
    logits = []
    for word in np.split(fragments, np.cumsum(lengths)[:-1]):
        engine.reset()
        logits += [engine.step_int8(fragment) for fragment in word]
    stamp = Stamp("test", "0", engine.runtime_name, engine.version, engine.kernels, "none", "this machine", "")
    return GoldenVectors(stamp, hashlib.sha256(model).hexdigest(), fragments, lengths, {"0.output": np.array(logits)})


@pytest.fixture(scope="session")
def golden(engine: Engine, model: bytes) -> GoldenVectors:
    return make_golden(engine, model)


@pytest.fixture
def default_becomes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on LiteRT gives the kernels of this OpResolverType when its default ones are asked for, saying nothing.

    BUILTIN_WITHOUT_DEFAULT_DELEGATES is what happens where it does not recognise the processor.
    """
    module = pytest.importorskip("ai_edge_litert.interpreter")
    original, auto = module.Interpreter, module.OpResolverType.AUTO

    def become(resolver: str) -> None:
        def interpreter(*, experimental_op_resolver_type: object, **options: object) -> object:
            asked = experimental_op_resolver_type
            given = getattr(module.OpResolverType, resolver) if asked == auto else asked
            return original(experimental_op_resolver_type=given, **options)

        monkeypatch.setattr(module, "Interpreter", interpreter)

    return become


@pytest.fixture
def contents(model: bytes, golden: GoldenVectors) -> dict[str, bytes]:
    files = {"model.tflite": model, "calibration.json": b"{}", "float.npz": b"weights"}
    return {**files, file_name(golden.stamp.kernels): golden.encode()}


@pytest.fixture
def bundle(tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Bundle:
    return write_bundle(tmp_path / "bundle", manifest, contents)


class Board:
    """What a flawless board called desk-pen says."""

    @staticmethod
    def connected(session: int = SESSION, pixel_bits: int = 1, authenticated: bool = True) -> Connected:
        return Connected(
            BoardInfo("desk-pen", "virtual", Kind.PEN, "1.0", bytes(8), pixel_bits, session, authenticated)
        )

    @staticmethod
    def word(number: int, word: npt.NDArray[np.uint8], session: int = SESSION) -> list[Event]:
        fragments = [FragmentReceived(session, number, index, pixels) for index, pixels in enumerate(word)]
        return [WordStarted(session, number), *fragments, WordEnded(session, number, len(word))]

    def writes(self, words: Words, session: int = SESSION) -> list[Event]:
        """Connected, then the words, numbered from 1."""
        said = [event for number, word in enumerate(words, 1) for event in self.word(number, word, session)]
        return [self.connected(session), *said]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture(scope="session")
def oracle(engine: Engine, rule: Rule) -> Callable[[npt.NDArray[np.uint8]], Decision]:
    """A word -> its final decision, computed in one go and without the loop."""

    def final(word: npt.NDArray[np.uint8]) -> Decision:
        logits = engine.run_words(to_int8(word)[np.newaxis])[0]
        return decide(logits, rule.thresholds, rule.users, final=True)

    return final


@pytest.fixture
def ticking() -> Callable[[], float]:
    """A clock that advances one millisecond a look."""
    times: Iterator[float] = iter(range(1, 10**9))
    return lambda: next(times) / 1000.0
