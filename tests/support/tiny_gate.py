"""A tiny int8 model, a bundle around it, words, and boards that are plain lists of events."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings

from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.engine import Engine, find_runtime
from edge.bundle.golden import GoldenVectors, Stamp, file_name
from edge.bundle.manifest import FORMAT, ErrorRates, Manifest, PinnedExecutor, Provenance
from edge.bundle.signed import sign_bundle
from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import Decision, decide
from edge.decision.thresholds import Thresholds
from edge.gate.judging import Rule
from edge.ink.fragment import to_int8
from firmware_bridge.session.events import BoardInfo, Connected, Event, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.trust.pins import Pins
from firmware_bridge.trust.signing import SigningKey
from firmware_bridge.wire.messages import Kind

# No deadline: on a machine that also trains, the time of an example proves nothing.
settings.register_profile("inkgate-edge", deadline=None)
settings.load_profile("inkgate-edge")

MAKER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

Words = list[npt.NDArray[np.uint8]]

USERS = ("Ada", "Ben", "Cleo")
SESSION = 7


@pytest.fixture(scope="session")
def model() -> bytes:
    """Return the bytes of tiny_model.tflite, after checking that tiny_model.py made them."""
    return recorded("tiny_model.tflite", "model_sha256")


@pytest.fixture(scope="session")
def features_model() -> bytes:
    """Return the bytes of tiny_features.tflite, as of a bundle without users."""
    return recorded("tiny_features.tflite", "features_sha256")


def recorded(name: str, key: str) -> bytes:
    """Return the bytes of a model beside this file, after checking that tiny_model.py made it."""
    recipe = Path(__file__).with_name("tiny_model.py")
    card, content = json.loads(recipe.with_suffix(".json").read_text()), recipe.with_name(name).read_bytes()
    found = [hashlib.sha256(data).hexdigest() for data in (recipe.read_bytes(), content)]
    assert found == [card["recipe_sha256"], card[key]], "run `python tests/support/tiny_model.py`"
    return content


@pytest.fixture(scope="session")
def engine(model: bytes) -> Engine:
    return Engine.load(model)


def make_blots(count: int, seed: int, longest: int = 8) -> Words:
    """Draw words of 4 to `longest` fragments of 0 and 255 that nobody wrote: noise of unequal density.

    Kernel sets that agree on thin strokes differ on these.
    """
    rng = np.random.default_rng(seed)
    words = []
    for _ in range(count):
        density = rng.uniform(0.02, 0.9)
        pixels = rng.random((rng.integers(4, longest + 1), 33, 33)) < density
        words.append(np.where(pixels, np.uint8(255), np.uint8(0)))
    return words


@pytest.fixture(scope="session")
def words() -> Words:
    return make_blots(12, seed=1)


@pytest.fixture(scope="session")
def thresholds(engine: Engine) -> Thresholds:
    """Return thresholds that accept about a third of random words and reject a third."""
    many = make_blots(40, seed=2)
    last = [float(word_scores(engine.run_words(to_int8(w)[np.newaxis]).logits[0])[-1].max()) for w in many]
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
    """Make golden vectors of what this engine computes: the edge's tests do without quantize."""
    lengths = np.array([1, 2, 5], np.int32)
    fragments = to_int8(np.concatenate(make_blots(2, seed=3))[: lengths.sum()])
    codes = engine.run_int8(np.split(fragments, np.cumsum(lengths)[:-1]))
    tensors = {f"{position}.output": values for position, values in enumerate(codes.values())}
    outputs = dict(zip(codes, tensors, strict=True))
    sha256 = hashlib.sha256(model).hexdigest()
    stamp = Stamp("test", "0", engine.runtime_name, engine.version, engine.kernels, "none", "this machine", "")
    return GoldenVectors(stamp, sha256, fragments, lengths, tensors, outputs)


@pytest.fixture(scope="session")
def golden(engine: Engine, model: bytes) -> GoldenVectors:
    return make_golden(engine, model)


@pytest.fixture
def default_becomes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes LiteRT silently give this OpResolverType's kernels as its default.

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
    return trusted(write_bundle(tmp_path / "bundle", manifest, contents))


def trusted(bundle: Bundle) -> Bundle:
    """Sign a bundle as `signed`, and trust its signer here."""
    Pins().trust(MAKER.public, "the maker of tests")
    return signed(bundle)


def signed(bundle: Bundle) -> Bundle:
    """Sign a bundle with a key that nobody keeps, always the same one."""
    return sign_bundle(bundle.path, MAKER)


class Board:
    """A board called desk-pen, without faults: the events of its words."""

    @staticmethod
    def connected(session: int = SESSION, pixel_bits: int = 1, authenticated: bool = True) -> Connected:
        return Connected(
            BoardInfo("desk-pen", "virtual", Kind.PEN, "1.0", bytes(8), pixel_bits, session, authenticated)
        )

    @staticmethod
    def word(number: int, word: npt.NDArray[np.uint8], session: int = SESSION) -> list[Event]:
        fragments = [FragmentReceived(session, number, index, pixels) for index, pixels in enumerate(word)]
        return [WordStarted(session, number, age_s=0.0), *fragments, WordEnded(session, number, len(word), age_s=0.0)]

    def writes(self, words: Words, session: int = SESSION) -> list[Event]:
        """Return Connected, then the words' events, numbered from 1."""
        said = [event for number, word in enumerate(words, 1) for event in self.word(number, word, session)]
        return [self.connected(session), *said]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture(scope="session")
def oracle(engine: Engine, rule: Rule) -> Callable[[npt.NDArray[np.uint8]], Decision]:
    """Return a function: a word -> its final decision, computed at once and without the loop."""

    def final(word: npt.NDArray[np.uint8]) -> Decision:
        logits = engine.run_words(to_int8(word)[np.newaxis]).logits[0]
        return decide(logits, rule.thresholds, rule.users, final=True)

    return final


@pytest.fixture
def ticking() -> Callable[[], float]:
    """Return a clock that advances one millisecond with each reading."""
    times: Iterator[float] = iter(range(1, 10**9))
    return lambda: next(times) / 1000.0
