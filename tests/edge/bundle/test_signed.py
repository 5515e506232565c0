"""A bundle is taken if it came with inkgate or its signer is trusted; a changed bit, or an older one, is refused."""

import hashlib
import shutil
from pathlib import Path

import msgspec
import pytest
from images import OTHER_KEY
from tiny_gate import MAKER, signed

from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.manifest import Manifest
from edge.bundle.places import MANIFEST, SHIPPED, SIGNATURE
from edge.bundle.signed import CONTEXT, OWN, admit, sign_bundle
from edge.errors import BundleAlteredError, NotABundleError, UnsignedBundleError
from firmware_bridge.errors import ExitCode, InkgateError
from firmware_bridge.trust.errors import KeyStoreError, OlderError, OtherSignerError, SignatureError
from firmware_bridge.trust.pins import NAME, Pins
from firmware_bridge.trust.signature import signer_of


@pytest.fixture
def bundle(tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Bundle:
    """Return a signed bundle whose signer was never seen here."""
    return signed(write_bundle(tmp_path / "bundle", manifest, contents))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def made(path: Path, manifest: Manifest, contents: dict[str, bytes], counter: int) -> Path:
    return write_bundle(path, msgspec.structs.replace(manifest, counter=counter), contents).path


def test_the_first_signer_is_kept_and_told_once(bundle: Bundle) -> None:
    first, again = admit(bundle.path, Pins()), admit(bundle.path, Pins())
    assert (first.signed, first.first, again.first) == (True, True, False)
    assert MAKER.key_id.hex() in first.told
    assert first.bundle.sha256 == bundle.sha256
    assert [MAKER.public.raw.hex()] == list(Pins().read().signers)


def test_looking_keeps_nobody(bundle: Bundle) -> None:
    assert admit(bundle.path, Pins(), remember=False).first
    assert not Pins().folder.exists()


@pytest.mark.parametrize("unsigned", [False, True])
def test_another_signer_is_refused_until_he_is_trusted(bundle: Bundle, unsigned: bool) -> None:
    admit(bundle.path, Pins())
    sign_bundle(bundle.path, OTHER_KEY)
    with pytest.raises(OtherSignerError, match="inkgate keys trust") as refusal:
        admit(bundle.path, Pins(), unsigned=unsigned)
    assert refusal.value.exit_code == ExitCode.REFUSED
    Pins().trust(OTHER_KEY.public, "a new maker")
    assert not admit(bundle.path, Pins()).first


def test_every_flipped_bit_of_a_manifest_is_refused(bundle: Bundle) -> None:
    """Each bit by its signature; and one in 101 in the file, as a gate opens it."""
    manifest, signature = (bundle.path / MANIFEST).read_bytes(), (bundle.path / SIGNATURE).read_bytes()
    assert signer_of(CONTEXT, hashlib.sha256(manifest).digest(), signature).raw == MAKER.public.raw
    for bit in range(8 * len(manifest)):
        changed = flipped(manifest, bit)
        with pytest.raises(SignatureError, match="altered"):
            signer_of(CONTEXT, hashlib.sha256(changed).digest(), signature)
        if bit % 101 == 0:
            (bundle.path / MANIFEST).write_bytes(changed)
            with pytest.raises(SignatureError, match="altered"):
                admit(bundle.path, Pins())
    assert not Pins().folder.exists()


def test_every_flipped_bit_of_a_signature_is_refused(bundle: Bundle) -> None:
    signature = (bundle.path / SIGNATURE).read_bytes()
    one_bit = [flipped(signature, bit) for bit in range(8 * len(signature))]
    for changed in (*one_bit, b"", signature[:-1], signature * 2):
        (bundle.path / SIGNATURE).write_bytes(changed)
        with pytest.raises(SignatureError, match="altered") as refusal:
            admit(bundle.path, Pins())
    assert refusal.value.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize("bit", range(0, 8 * 80_000, 8 * 4001 + 3))
def test_a_flipped_bit_of_the_manifest_that_comes_with_inkgate_is_refused(bit: int, tmp_path: Path) -> None:
    """One bit in 32,011: any change is another SHA-256, and nobody signed that."""
    shutil.copytree(SHIPPED, tmp_path / "ready")
    content = (SHIPPED / MANIFEST).read_bytes()
    (tmp_path / "ready" / MANIFEST).write_bytes(flipped(content, bit % (8 * len(content))))
    with pytest.raises(InkgateError):
        admit(tmp_path / "ready", Pins())


def test_what_comes_with_inkgate_is_taken_wherever_it_lies_and_leaves_no_trace(tmp_path: Path) -> None:
    assert hashlib.sha256((SHIPPED / MANIFEST).read_bytes()).hexdigest() in OWN, "write its hash into signed.py: OWN"
    for path in (SHIPPED, shutil.copytree(SHIPPED, tmp_path / "copy")):
        found = admit(path, Pins())
        assert (found.signed, found.signer, found.told) == (True, None, "comes with inkgate")
    assert not Pins().folder.exists()


def test_an_altered_bundle_in_the_place_of_the_one_that_comes_with_inkgate_is_no_trial(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle.path / SIGNATURE).unlink()
    monkeypatch.setattr("edge.bundle.signed.SHIPPED", bundle.path)
    with pytest.raises(BundleAlteredError, match="install inkgate anew") as refusal:
        admit(bundle.path, Pins())
    assert refusal.value.exit_code == ExitCode.REFUSED


def test_what_nobody_signed_is_taken_only_where_that_is_asked_for(bundle: Bundle) -> None:
    (bundle.path / SIGNATURE).unlink()
    with pytest.raises(UnsignedBundleError, match="inkgate bundle sign") as refusal:
        admit(bundle.path, Pins())
    assert refusal.value.exit_code == ExitCode.REFUSED
    found = admit(bundle.path, Pins(), unsigned=True)
    assert (found.signed, found.told) == (False, "signed by nobody")


def test_a_signature_that_was_taken_away_is_not_proposed_to_be_made(bundle: Bundle) -> None:
    admit(bundle.path, Pins())
    (bundle.path / SIGNATURE).unlink()
    with pytest.raises(UnsignedBundleError, match="was used here before") as refusal:
        admit(bundle.path, Pins())
    assert "inkgate bundle sign" not in str(refusal.value)
    assert "--unsigned" not in str(refusal.value)


def test_an_older_bundle_is_not_put_back_but_by_its_signer(
    tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]
) -> None:
    place, elsewhere = tmp_path / "gate", tmp_path / "elsewhere"
    for counter in (7, 7, 9):
        sign_bundle(made(place, manifest, contents, counter), MAKER)
        admit(place, Pins())
    for path in (place, elsewhere):
        sign_bundle(made(path, manifest, contents, 8), MAKER)
    with pytest.raises(OlderError, match="counter is 8, 9 was seen") as refusal:
        admit(place, Pins())
    assert refusal.value.exit_code == ExitCode.REFUSED
    admit(elsewhere, Pins())
    raised = sign_bundle(place, MAKER, newest=True)
    assert admit(place, Pins()).bundle.sha256 == raised.sha256
    assert raised.manifest.counter > 1_700_000_000
    later = made(place, manifest, contents, 1 << 62)
    assert sign_bundle(later, MAKER, newest=True).manifest.counter == (1 << 62) + 1


def test_a_folder_without_a_bundle_is_none_whatever_is_signed(bundle: Bundle, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NotABundleError):
            admit(path, Pins(), unsigned=True)
        with pytest.raises(NotABundleError):
            sign_bundle(path, MAKER)


def test_files_changed_under_a_right_signature_are_refused(bundle: Bundle) -> None:
    (bundle.path / "float.npz").write_bytes(b"other")
    with pytest.raises(BundleAlteredError):
        admit(bundle.path, Pins())
    assert not Pins().folder.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"signers": {"00": ""}}', b'{"signers": {"x": ""}}'])
def test_a_damaged_list_of_signers_opens_no_gate(bundle: Bundle, content: bytes) -> None:
    admit(bundle.path, Pins())
    (Pins().folder / NAME).write_bytes(content)
    with pytest.raises(KeyStoreError, match=NAME):
        admit(bundle.path, Pins())


def test_the_signature_is_that_of_an_image_and_valid_for_no_image(bundle: Bundle) -> None:
    signature = (bundle.path / SIGNATURE).read_bytes()
    assert signature[8:16] == MAKER.key_id
    assert MAKER.public.verifies(signature[16:80], CONTEXT + bytes.fromhex(bundle.sha256))
    with pytest.raises(SignatureError):
        signer_of(b"inkgate firmware image\0", bytes.fromhex(bundle.sha256), signature)
