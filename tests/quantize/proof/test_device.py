"""`inkgate verify --port` on devices that are right, wrong by a bit, or run another model or none."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

import quantize.cli.verify
from edge.answer.network import EngineNetwork, describe_gate
from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors, file_name
from edge.bundle.manifest import Manifest
from edge.cli.answer import answer_command
from edge.errors import EngineError, GoldenError
from edge.ink.fragment import Pixels
from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.session.errors import CannotError, PixelDepthError, ProtocolViolationError
from firmware_bridge.wire import messages as wire
from quantize.errors import OtherModelError
from quantize.proof.device import DeviceVerification, verify_device

ROOT = Path(__file__).parents[3]


@dataclass
class Device:
    """The tiny model's engine; `flip` makes one bit of one value of one fragment wrong, 4 logits before 12 features."""

    honest: EngineNetwork
    identity: wire.Identity
    flip: tuple[int, int, int] | None = None
    cut: int = 0
    steps: int = 0

    def step(self, pixels: Pixels, first: bool) -> bytes:
        values = bytearray(self.honest.step(pixels, first))
        if self.flip is not None and self.steps == self.flip[0]:
            values[self.flip[1]] ^= 1 << self.flip[2]
        self.steps += 1
        return bytes(values[self.cut :])


@pytest.fixture
def device(engine: Engine, golden: GoldenVectors) -> Device:
    network = EngineNetwork(engine, golden.model_sha256)
    return Device(network, network.identity)


def ask(bundle: Bundle, device: Device, bits: int = 1, loss: float = 0.0, corrupt: float = 0.0) -> DeviceVerification:
    board = VirtualBoard(
        [], kind=wire.Kind.GATE, pixel_bits=bits, network=device, baud_rate=None, loss=loss, corrupt=corrupt, seed=1
    )
    with board, Inquiry(board.start()) as inquiry:
        return verify_device(bundle, inquiry)


def test_a_device_that_computes_the_golden_words_passes(
    bundle: Bundle, device: Device, golden: GoldenVectors, engine: Engine
) -> None:
    report = ask(bundle, device)
    assert report.passed
    assert (report.words, report.fragments, report.values, report.mismatches) == (3, 8, 8 * (4 + 12), 0)
    (found,) = report.kernel_sets
    assert [(o.name, o.values, o.mismatches) for o in found.outputs] == [("features", 96, 0), ("logits", 32, 0)]
    assert (found.kernels, found.executor, found.version) == (engine.kernels, engine.runtime_name, engine.version)
    assert (report.model_sha256, report.bundle_sha256) == (golden.model_sha256, bundle.sha256)


def test_noise_on_the_line_changes_no_verdict(
    bundle: Bundle, device: Device, golden: GoldenVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.wire.messages.RETRANSMIT_MS", 30)
    assert ask(bundle, device, loss=0.15, corrupt=0.15).mismatches == 0
    assert device.steps == len(golden.fragments)
    wrong = ask(bundle, replace(device, flip=(7, 1, 0), steps=0), loss=0.15, corrupt=0.15)
    assert (wrong.mismatches, wrong.max_abs) == (1, 1)


@pytest.mark.parametrize(("fragment", "word", "step"), [(0, 0, 0), (2, 1, 1), (7, 2, 4)])
@pytest.mark.parametrize(
    ("output", "position", "bit"), [("logits", 0, 0), ("logits", 3, 7), ("features", 0, 7), ("features", 11, 0)]
)
def test_one_wrong_bit_of_one_value_is_named_with_its_word_step_and_place(
    bundle: Bundle,
    device: Device,
    golden: GoldenVectors,
    fragment: int,
    word: int,
    step: int,
    output: str,
    position: int,
    bit: int,
) -> None:
    device.flip = (fragment, position + (4 if output == "features" else 0), bit)
    report = ask(bundle, device)
    expected = int(golden.output(output)[fragment, position])
    got = int(np.int8(golden.output(output)[fragment, position] ^ np.int8(-128 if bit == 7 else 1 << bit)))
    assert not report.passed
    assert report.mismatches == 1
    assert {o.name: o.mismatches for o in report.kernel_sets[0].outputs}[output] == 1
    assert report.max_abs == abs(got - expected)
    assert report.kernel_sets[0].first == {
        "word": word, "step": step, "output": output, "position": position, "expected": expected, "got": got
    }  # fmt: skip
    (failure,) = report.failures
    assert f"golden word {word}, step {step}, {output} {position}: expected {expected}, got {got}" in failure


def test_a_device_with_another_model_is_refused_before_a_word_is_sent(bundle: Bundle, device: Device) -> None:
    device.identity = replace(device.identity, model_sha256=hashlib.sha256(b"another").digest())
    with pytest.raises(OtherModelError, match="copy the bundle there") as caught:
        ask(bundle, device)
    assert caught.value.exit_code == 4
    assert device.steps == 0


def test_a_device_on_kernels_that_were_not_verified_fails_though_every_value_is_right(
    bundle: Bundle, device: Device
) -> None:
    """A device is what it says only if its name and its outputs agree with what was verified."""
    device.identity = replace(device.identity, kernels="other-kernels")
    report = ask(bundle, device)
    assert not report.passed
    assert report.mismatches == 0
    assert "was not verified on these kernels" in report.failures[0]
    assert any("thresholds were made on" in note for note in report.notes)


def test_another_version_of_the_interpreter_than_the_verified_one_fails(bundle: Bundle, device: Device) -> None:
    device.identity = replace(device.identity, version="0.0.1")
    report = ask(bundle, device)
    assert not report.passed
    assert "this is" in report.failures[0]
    assert "0.0.1" in report.failures[0]


def test_vectors_of_the_kernel_set_that_the_device_names_are_taken(
    manifest: Manifest, contents: dict[str, bytes], golden: GoldenVectors, device: Device, tmp_path: Path
) -> None:
    """A device is compared with the vectors of the kernels that it names, not with the pinned ones."""
    stamp = replace(golden.stamp, kernels="inkgate-c", runtime="inkgate", version="0.1.0")
    changed = np.array(golden.logits)
    changed[4, 2] ^= 1
    own = replace(golden, stamp=stamp, tensors={**golden.tensors, golden.outputs["logits"]: changed})
    bundle = write_bundle(tmp_path / "b", manifest, {**contents, file_name("inkgate-c"): own.encode()})
    device.identity = replace(device.identity, kernels="inkgate-c", runtime="inkgate", version="0.1.0")
    device.flip = (4, 2, 0)
    report = ask(bundle, device)
    assert report.passed
    assert report.kernel_sets[0].golden == "inkgate-c"


def test_a_device_that_takes_another_depth_is_refused_as_usage(bundle: Bundle, device: Device) -> None:
    with pytest.raises(PixelDepthError) as caught:
        ask(bundle, device, bits=8)
    assert caught.value.exit_code == 2


def test_grey_golden_words_are_not_cut_to_black_and_white_in_silence(
    manifest: Manifest, contents: dict[str, bytes], golden: GoldenVectors, device: Device, tmp_path: Path
) -> None:
    fragments = np.array(golden.fragments)
    fragments[3, 10, 10] = 5
    grey = replace(golden, fragments=fragments)
    bundle = write_bundle(tmp_path / "b", manifest, {**contents, file_name(golden.stamp.kernels): grey.encode()})
    with pytest.raises(GoldenError, match="shades of grey"):
        ask(bundle, device)


def test_too_few_values_are_against_the_rules(bundle: Bundle, device: Device) -> None:
    device.cut = 1
    with pytest.raises(ProtocolViolationError, match="15 values came for a fragment where the model gives 16"):
        ask(bundle, device)


def test_an_interpreter_that_fails_on_the_device_is_said_by_the_device(
    bundle: Bundle, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Engine, _fragment: object) -> None:
        raise EngineError("the interpreter failed on a fragment: out of memory")

    monkeypatch.setattr(Engine, "step_int8", fail)
    with pytest.raises(CannotError, match="out of memory"):
        ask(bundle, device)


def test_the_report_is_json_by_the_names_of_verify_json(bundle: Bundle, device: Device) -> None:
    device.flip = (1, 0, 0)
    found = json.loads(ask(bundle, device).encode())
    assert found["format"] == "inkgate-verify-port/2"
    (kernel_set,) = found["kernel_sets"]
    assert {"kernels", "executor", "version", "machine", "values", "mismatches", "max_abs"} <= kernel_set.keys()
    assert kernel_set["first"]["step"] == 0
    assert (found["values"], found["mismatches"]) == (kernel_set["values"], kernel_set["mismatches"])
    assert not found["passed"]


def test_what_a_gate_says_of_itself_fits_on_the_wire_whatever_the_machine_is_called(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, golden: GoldenVectors, tmp_path: Path
) -> None:
    (tmp_path / "model").write_bytes("Raspberry Pi 4 Model B Rev 1.4 \u00fc\x1b[2J".encode() + b"x" * 90 + b"\0")
    monkeypatch.setattr("edge.answer.network.BOARD_NAME", tmp_path / "model")
    monkeypatch.setattr("platform.node", lambda: "gate-\u00e9" * 20)
    assert wire.Info.decode(describe_gate(8, 5).encode()).board.startswith("gate-?")
    identity = wire.Identity.decode(EngineNetwork(engine, golden.model_sha256).identity.encode())
    assert "Raspberry Pi 4 Model B" in identity.machine
    assert "\x1b" not in identity.machine


# --- the two commands --------------------------------------------------------------------------------------------


@contextmanager
def cable(seed: int, loss: float, corrupt: float) -> Iterator[tuple[str, str]]:
    """Yield the paths of two ptys that a noisy line joins, as a serial cable joins two machines."""
    masters, slaves = zip(*(pty.openpty() for _ in range(2)), strict=True)
    for slave in slaves:
        tty.setraw(slave)
    rng = random.Random(seed)
    lines = [NoisyLine(loss, corrupt, rng), NoisyLine(loss, corrupt, rng)]
    stop_read, stop_write = os.pipe()

    def carry() -> None:
        while True:
            readable, _, _ = select.select([*masters, stop_read], [], [])
            if stop_read in readable:
                return
            for end in (0, 1):
                if masters[end] in readable:
                    os.write(masters[1 - end], lines[end].carry(os.read(masters[end], 4096)))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield os.ttyname(slaves[0]), os.ttyname(slaves[1])
        assert sum(line.lost + line.corrupted for line in lines) > 0
    finally:
        os.write(stop_write, b"x")
        thread.join()
        for descriptor in (*masters, *slaves, stop_read, stop_write):
            os.close(descriptor)


@contextmanager
def answering(*arguments: str) -> Iterator[str]:
    """Run `inkgate answer` in a process of its own and yield the port that it names."""
    command = [sys.executable, "-m", "inkgate", "answer", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def verify(bundle: Bundle, port: str, *arguments: str) -> tuple[int, str, str]:
    """Run `inkgate verify BUNDLE --port PORT`; return exit code, stdout and stderr."""
    command = [sys.executable, "-m", "inkgate", "verify", str(bundle.path), "--port", port, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_two_machines_on_a_noisy_cable(bundle: Bundle) -> None:
    with (
        cable(seed=2, loss=0.15, corrupt=0.1) as (here, there),
        answering("--bundle", str(bundle.path), "--port", there) as told,
    ):
        assert told == there
        code, out, said = verify(bundle, here, "--json")
    assert code == 0, said
    report = json.loads(out)
    assert (report["mismatches"], report["fragments"]) == (0, 8)


def test_a_device_that_listens_answers_one_host_after_another(bundle: Bundle) -> None:
    with answering("--bundle", str(bundle.path), "--port", "socket://127.0.0.1:0") as port:
        with socket.create_connection(("127.0.0.1", int(port.rpartition(":")[2]))) as somebody:
            somebody.sendall(bytes(range(256)) * 40)
        codes = [verify(bundle, port)[0] for _ in range(2)]
    assert codes == [0, 0]


def test_a_device_on_other_kernels_ends_in_exit_code_1_and_says_where_it_differs(
    bundle: Bundle, tmp_path: Path
) -> None:
    with answering("--bundle", str(bundle.path), "--link", str(tmp_path / "pi"), "--kernels", "reference") as port:
        assert port == str(tmp_path / "pi")
        code, _, said = verify(bundle, port)
    assert code == 1
    assert "litert-reference" in said


def test_another_bundle_on_the_device_ends_in_exit_code_4(
    bundle: Bundle, manifest: Manifest, contents: dict[str, bytes], golden: GoldenVectors, tmp_path: Path
) -> None:
    model = contents["model.tflite"] + b"\0"
    other = replace(golden, model_sha256=hashlib.sha256(model).hexdigest())
    files = {**contents, "model.tflite": model, file_name(golden.stamp.kernels): other.encode()}
    there = write_bundle(tmp_path / "other", manifest, files)
    with answering("--bundle", str(there.path), "--link", str(tmp_path / "pi")) as port:
        code, out, said = verify(bundle, port, "--json")
    assert code == 4
    assert json.loads(out)["exit_code"] == 4
    assert "runs model" in said


def test_a_pen_ends_in_exit_code_3(bundle: Bundle) -> None:
    with VirtualBoard([np.zeros((2, 33, 33), np.uint8)]) as pen:
        code, _, said = verify(bundle, pen.start())
    assert code == 3
    assert "no network runs on this board" in said


def test_answer_wants_either_a_port_or_a_link() -> None:
    for arguments in ([], ["--port", "x", "--link", "y"]):
        done = CliRunner().invoke(answer_command, ["--bundle", "b", *arguments])
        assert done.exit_code == 2
        assert "--link" in done.output


@pytest.mark.parametrize("option", ["--words", "--kernels", "--fragments", "--reference-model", "--html"])
def test_what_means_nothing_beside_a_port_is_refused_by_name(bundle: Bundle, option: str) -> None:
    """`--words 200` is refused too, although 200 is the default: whoever gives it expects 200 words."""
    done = CliRunner().invoke(quantize.cli.verify.verify, [str(bundle.path), "--port", "/dev/ttyNONE", option, "200"])
    assert done.exit_code == 2
    assert f"leave {option} away" in done.stderr


def test_every_decision_to_fail_is_in_the_exit_code_of_the_command(
    bundle: Bundle, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    for flip, expected in ((None, 0), ((5, 2, 3), 1)):
        board = VirtualBoard(
            [], kind=wire.Kind.GATE, network=replace(device, flip=flip, steps=0), baud_rate=None
        )  # fmt: skip
        with board:
            done = CliRunner().invoke(quantize.cli.verify.verify, [str(bundle.path), "--port", board.start(), "--json"])
        assert done.exit_code == expected, done.output
        assert msgspec.json.decode(done.stdout)["passed"] is (expected == 0)
