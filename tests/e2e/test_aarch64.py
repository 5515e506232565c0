"""An emulated Raspberry Pi with its own wheels has the verified arithmetic, or its gate refuses.

Skipped, aloud, where `.ci/aarch64` cannot run; `.ci/run` installs what it needs.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle.kernels import comparable
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.kernel_sets import kernel_set
from quantize.arithmetic.reference import Reference
from quantize.model.words import Words

pytestmark = pytest.mark.slow(
    "makes the file system of a Raspberry Pi, and emulates every instruction of what runs in it"
)

SCRIPT = Path(__file__).parents[2] / ".ci" / "aarch64"

Emulate = Callable[..., subprocess.CompletedProcess[str]]

ENGINE = """
import sys
import numpy as np
from edge.bundle.engine import Engine
words, engine = np.load(sys.argv[2]), Engine.load(sys.argv[1])
outputs = engine.run_int8(np.split(words["fragments"], np.cumsum(words["lengths"])[:-1]))
np.savez(sys.argv[3], **outputs, kernels=engine.kernels, runtime=engine.runtime)
"""


def script(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def emulate() -> Emulate:
    """Run `.ci/aarch64` with these arguments, after its root file system was made."""
    if platform.machine() == "aarch64":
        pytest.skip("this machine is aarch64: every other test runs there already")
    able = script("--check")
    if able.returncode:
        pytest.skip(f".ci/aarch64 cannot run: {able.stderr.strip()}")
    made = script("python", "-c", "")
    if made.returncode and "CI" not in os.environ:
        pytest.skip(f".ci/aarch64 cannot make its root file system: {made.stderr.strip()}")
    assert made.returncode == 0, made.stderr
    return script


@pytest.fixture(scope="module")
def bundle(run_and_bundle: tuple[Path, Path]) -> Path:
    return run_and_bundle[1]


@pytest.fixture(scope="module")
def words(run_and_bundle: tuple[Path, Path]) -> Words:
    """Return three words by different writers, and one of black fragments."""
    test = FragmentSet.load(run_and_bundle[0] / "test.npz").pixels
    return Words.of([test[:9], test[40:41], test[90:95], np.full((3, 33, 33), 255, np.uint8)])


def test_what_it_needs_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    if platform.machine() == "aarch64":
        pytest.skip("nothing is needed on aarch64")
    result = script("inkgate", "verify", tmp_path, env={"PATH": str(tmp_path)})
    assert result.returncode == 2
    assert "apt-get install --no-install-recommends mmdebstrap qemu-user-static" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ls"], "the command is `inkgate ...` or `python ...`, not 'ls'"),
        ([], "no command"),
        (["python", SCRIPT.parents[1]], "holds the checkout itself"),
        (["inkgate", "run", "--port", "/dev/null"], "lies in a folder of the system"),
    ],
)
def test_what_cannot_be_run_or_brought_in_is_refused(emulate: Emulate, arguments: list[object], said: str) -> None:
    result = emulate(*arguments)
    assert result.returncode == 2
    assert said in result.stderr


def test_files_go_in_and_come_back_and_the_exit_code_is_the_commands_own(emulate: Emulate, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in").write_text("there")
    program = tmp_path / "program.py"
    program.write_text(
        "import pathlib, platform, sys\n"
        "folder, out = map(pathlib.Path, sys.argv[1:])\n"
        "(folder / 'made').write_text((folder / 'in').read_text() + ' and back')\n"
        "out.write_text(platform.machine())\n"
        "sys.exit(7)\n"
    )
    result = emulate("python", "program.py", "folder", tmp_path / "out", cwd=tmp_path)
    assert result.returncode == 7, result.stderr
    assert (tmp_path / "folder" / "made").read_text() == "there and back"
    assert (tmp_path / "out").read_text() == "aarch64"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out", "program.py"]


def test_on_a_raspberry_pi_4_no_value_of_any_kernel_set_differs_from_the_reference(
    emulate: Emulate, bundle: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    result = emulate("inkgate", "verify", bundle, "--kernels", "all", "--words", 6, "--json", "--html", page)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    sets = {found["kernels"]: found for found in report["kernel_sets"]}
    assert tuple(sets) == comparable()
    assert {found["mismatches"] for found in sets.values()} == {0}
    assert min(found["values"] for found in sets.values()) > 10**5
    assert all("aarch64, Raspberry Pi 4" in found["machine"] for found in sets.values())
    assert json.loads((bundle / "verify.json").read_text()) == report
    assert "Raspberry Pi 4" in page.read_text()


@pytest.mark.parametrize("cpu", ["pi4", "pi5"])
def test_a_raspberry_pi_computes_the_golden_words_bit_for_bit(emulate: Emulate, bundle: Path, cpu: str) -> None:
    """Compare with words computed on this machine. A Pi 5 has dot-product instructions, a Pi 4 has none."""
    program = (
        "import sys; from pathlib import Path; from edge.bundle.bundle import Bundle; "
        "print(Bundle.open(Path(sys.argv[1])).engine().verified)"
    )
    result = emulate("--cpu", cpu, "python", "-c", program, bundle)
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr


def test_where_the_processor_cannot_be_told_the_gate_decides_nothing(emulate: Emulate, bundle: Path) -> None:
    arguments = ["run", "--bundle", bundle, "--port", "socket://127.0.0.1:1", "--json"]
    result = emulate("--cpu", "hidden", "inkgate", *arguments)
    assert result.returncode == 4
    record = json.loads(result.stdout.splitlines()[-1])
    assert (record["decision"], record["user"]) == ("UNAVAILABLE", None)
    assert "verified on kernels litert-xnnpack, this machine runs litert-optimised" in record["reason"]


def test_a_raspberry_pi_asked_over_a_line_computes_the_golden_words_bit_for_bit(emulate: Emulate, bundle: Path) -> None:
    answer = [
        sys.executable,
        str(SCRIPT),
        "inkgate",
        "answer",
        "--bundle",
        str(bundle),
        "--port",
        "socket://127.0.0.1:0",
    ]
    with subprocess.Popen(answer, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as device:
        assert device.stdout is not None
        port = device.stdout.readline().strip()
        verify = [sys.executable, "-m", "inkgate", "verify", str(bundle), "--port", port, "--json"]
        asked = subprocess.run(verify, capture_output=True, text=True, timeout=60)
        device.terminate()
    assert asked.returncode == 0, asked.stderr
    assert "Linux aarch64, Raspberry Pi 4" in asked.stdout


def test_tflite_runtime_on_a_raspberry_pi_has_the_arithmetic_that_its_name_says(
    emulate: Emulate, bundle: Path, words: Words, tmp_path: Path
) -> None:
    given, computed, program = (tmp_path / name for name in ("words.npz", "outputs.npz", "engine.py"))
    np.savez(given, fragments=words.fragments, lengths=words.lengths)
    program.write_text(ENGINE)
    model = bundle / "model.tflite"
    result = emulate("--extra", "edge-tflite-runtime", "python", program, model, given, computed)
    assert result.returncode == 0, result.stderr
    found = np.load(computed)
    assert (found["runtime"], found["kernels"]) == ("tflite-runtime 2.14.0", "tflite-runtime-neon")
    reference = Reference.load(model.read_bytes(), kernel_set("tflite-runtime-neon", "aarch64"))
    for name, values in reference.outputs(words).items():
        np.testing.assert_array_equal(found[name], values, name)
