"""What users are enrolled with: both networks of a bundle, as they were verified, without TensorFlow."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from tiny_gate import signed
from tiny_reader import reader_files

from edge.bundle import golden
from edge.bundle import reader as reader_names
from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.manifest import Manifest, ReaderRecord
from edge.bundle.reader_card import decode_card
from edge.cli.people.roster import networks_sha256, open_networks, open_roster, reader_alphabet
from edge.cli.people.users import users
from edge.errors import GoldenError, NotABundleError, OtherOutputsError, ReaderDiffersError
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from edge.roster.writing import recognise


@pytest.fixture
def whole(tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Bundle:
    """Return a bundle with both networks."""
    return with_reader(tmp_path / "whole", manifest, contents)


def with_reader(
    path: Path, manifest: Manifest, contents: dict[str, bytes], temperature: float = 1.0, **other: bytes
) -> Bundle:
    """Write a bundle with both networks; other: what takes the place of the reader's golden vectors or card."""
    files = reader_files(manifest.executor, temperature)
    names = {"vectors": reader_names.golden_name(manifest.executor.kernels), "card": reader_names.CARD}
    card = decode_card(files[reader_names.CARD])
    told = msgspec.structs.replace(manifest, reader=ReaderRecord(card.alphabet, card.temperature))
    others = {names[name]: file for name, file in other.items()}
    return signed(write_bundle(path, told, {**contents, **files, **others}))


def test_both_networks_are_opened_as_they_were_verified(whole: Bundle, words: list[np.ndarray]) -> None:
    networks = open_networks(whole)
    writing = recognise(words[0], networks.engine, networks.reader)
    fragments = to_int8(words[0])
    np.testing.assert_array_equal(writing.features, whole.engine().features(fragments))
    assert writing.readings.shape == (len(words[0]), 10)
    np.testing.assert_allclose(np.exp(writing.readings).sum(axis=1), 1, rtol=1e-6)  # float32
    assert reader_alphabet(whole) == "0123456789"


def test_without_a_reader_nobody_is_enrolled_and_what_helps_is_said(bundle: Bundle) -> None:
    for act in (open_networks, networks_sha256, reader_alphabet, lambda bundle: open_roster(bundle, None)):
        with pytest.raises(NotABundleError, match="nobody can be enrolled in it; `inkgate quantize`"):
            act(bundle)


def test_a_reader_that_computes_otherwise_enrols_nobody(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    vectors = golden.decode(reader_files(manifest.executor)[reader_names.golden_name(manifest.executor.kernels)])
    wrong = vectors.tensors["0.output"].copy()
    wrong[3, 4] ^= 1
    other = dataclasses.replace(vectors, tensors={"0.output": wrong})
    bundle = with_reader(tmp_path / "other", manifest, contents, vectors=other.encode())
    with pytest.raises(OtherOutputsError, match="the reader:") as caught:
        open_networks(bundle)
    assert caught.value.exit_code == 4
    with pytest.raises(GoldenError):
        with_reader(tmp_path / "damaged", manifest, contents, vectors=vectors.encode()[:-9])
    colder = msgspec.structs.replace(decode_card(reader_files(manifest.executor)[reader_names.CARD]), temperature=0.5)
    with pytest.raises(ReaderDiffersError, match="the manifest says otherwise"):
        open_networks(with_reader(tmp_path / "colder", manifest, contents, card=colder.encode()))


def test_users_stay_when_a_bundle_is_made_anew_around_the_same_networks(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes], whole: Bundle
) -> None:
    other_users = msgspec.structs.replace(manifest, users=("X", "Y", "Z"))
    assert networks_sha256(with_reader(tmp_path / "same", other_users, contents)) == networks_sha256(whole)
    warmer = with_reader(tmp_path / "warmer", manifest, contents, temperature=1.5)
    assert networks_sha256(warmer) != networks_sha256(whole)


def test_the_roster_lies_beside_the_bundle_but_not_among_installed_files(
    whole: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKGATE_STATE", str(tmp_path / "state"))
    assert open_roster(whole, None).path == tmp_path / "whole.roster"
    assert open_roster(whole, tmp_path / "x").path == tmp_path / "x"
    shipped = dataclasses.replace(whole, path=Path(golden.__file__).with_name("ready"))
    assert open_roster(shipped, None).path == tmp_path / "state" / "ready.roster"


WITHOUT_TENSORFLOW = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "tf_keras", "keras", "matplotlib", "scipy", "sklearn"]))
import inkgate
inkgate.main()
"""


@pytest.fixture
def written(tmp_path: Path) -> str:
    """Return the path of a set with five writings of 2580 by Ada."""
    rng = np.random.default_rng(1)
    pixels = np.where(rng.random((20, 33, 33)) < 0.2, np.uint8(255), np.uint8(0))
    numbers, symbols = np.arange(20, dtype=np.int32), np.tile(np.asarray([2, 5, 8, 0], np.int32), 5)
    FragmentSet(pixels, 0 * numbers, symbols, numbers, ("Ada",)).save(tmp_path / "set.npz")
    return str(tmp_path / "set.npz")


def test_a_user_is_enrolled_in_less_than_a_second(
    whole: Bundle, written: str, record_property: Callable[[str, object], None]
) -> None:
    begun_s = time.process_time()
    arguments = ["add", "Ada", "--bundle", str(whole.path), "--from", written, "--pin-file", "-"]
    result = CliRunner().invoke(users, arguments, input="2580\n")
    spent_s = time.process_time() - begun_s
    assert result.exit_code == 0, result.output
    record_property("measured", f"enrolment of a user, tiny networks: {spent_s * 1000:.0f} ms of processor (1000)")
    assert spent_s < 1


@pytest.mark.slow("seven processes")
def test_users_come_and_go_by_the_real_command_line_without_tensorflow(
    whole: Bundle, written: str, tmp_path: Path
) -> None:

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "users", *arguments, "--bundle", str(whole.path)]
        return subprocess.run([*command, "--json"], input="2580\n", capture_output=True, text=True, check=False)

    added = run("add", "Ada", "--from", written, "--pin-file", "-")
    assert added.returncode == 0, added.stderr
    done = json.loads(added.stdout.splitlines()[-1])
    assert (done["event"], done["writings"], done["fragments"]) == ("enroll-completed", 5, 20)
    assert json.loads(run("list").stdout)["name"] == "Ada"
    again = run("add", "Ada", "--from", written, "--pin-file", "-")
    assert (again.returncode, json.loads(again.stdout)["exit_code"]) == (2, 2)
    path = tmp_path / "whole.roster"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    altered = run("list")
    assert altered.returncode == 4
    assert "was altered" in json.loads(altered.stdout)["error"]
    path.write_bytes(sound)
    assert run("remove", "Ada").returncode == 0
    assert run("list").stdout == ""
    path.write_bytes(sound)
    assert run("list").returncode == 4, "an older copy"
    assert not any("Traceback" in each.stderr for each in (added, again, altered))
