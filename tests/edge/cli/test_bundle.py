"""`inkgate bundle` and `inkgate keys`; what a gate's commands do with a bundle that nobody, or another, signed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from images import OTHER_KEY
from tiny_gate import signed

from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.manifest import Manifest
from edge.bundle.places import SIGNATURE
from edge.bundle.signed import admit, sign_bundle
from edge.errors import UnsignedBundleError
from firmware_bridge.trust.errors import OtherSignerError, SigningKeyError
from firmware_bridge.trust.folder import signing_folder
from firmware_bridge.trust.pins import Pins
from inkgate import cli


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def rows(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def bundle(tmp_path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Bundle:
    """Return a signed bundle whose signer was never seen here."""
    return signed(write_bundle(tmp_path / "bundle", manifest, contents))


@pytest.fixture
def unsigned(bundle: Bundle) -> Path:
    (bundle.path / SIGNATURE).unlink()
    return bundle.path


def test_a_key_is_made_on_purpose_once_and_signs(unsigned: Path) -> None:
    nothing = inkgate("bundle", "sign", unsigned)
    assert isinstance(nothing.exception, SigningKeyError)
    assert "inkgate keys create --for bundles" in str(nothing.exception)
    (made,) = rows(inkgate("keys", "create", "--for", "bundles", "--json"))
    assert (signing_folder() / "bundles.key").stat().st_mode & 0o777 == 0o600
    assert isinstance(inkgate("keys", "create", "--for", "bundles").exception, SigningKeyError)
    (signed,) = rows(inkgate("bundle", "sign", unsigned, "--json"))
    assert signed["signed_by"] == made["key"]
    assert admit(unsigned, Pins()).signed
    listed = rows(inkgate("keys", "list", "--json"))
    assert [(row["for"], row["own"], row["key"]) for row in listed] == [
        ("images", True, None),
        ("bundles", True, made["key"]),
        ("bundles", False, made["key"]),
    ]
    assert str(made["key"]) in inkgate("keys", "list").stderr


def test_a_public_key_is_shown_and_trusted_elsewhere(bundle: Bundle, tmp_path: Path) -> None:
    admit(bundle.path, Pins())
    assert isinstance(inkgate("keys", "show", "--for", "bundles").exception, SigningKeyError)
    inkgate("keys", "create", "--for", "bundles")
    (tmp_path / "maker.pub").write_text(inkgate("keys", "show", "--for", "bundles").stdout)
    rows(inkgate("bundle", "sign", bundle.path, "--json"))
    with pytest.raises(OtherSignerError):
        admit(bundle.path, Pins())
    (trusted,) = rows(inkgate("keys", "trust", tmp_path / "maker.pub", "--json"))
    (shown,) = rows(inkgate("keys", "show", "--for", "bundles", "--json"))
    assert trusted["key"] == shown["key"]
    assert admit(bundle.path, Pins()).told.endswith(str(shown["key"]))


COMMANDS = [
    ("run", "--port", "nowhere", "--claim", "nobody"),
    ("users", "add", "Ada", "--from", "nowhere.npz"),
    ("users", "list"),
    ("users", "show", "Ada"),
    ("users", "rename", "Ada", "Ben"),
    ("users", "remove", "Ada"),
    ("calibrate", "--forget"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_every_command_of_a_gate_refuses_what_is_not_signed_by_the_right_one(
    command: tuple[str, ...], bundle: Bundle
) -> None:
    admit(bundle.path, Pins())
    sign_bundle(bundle.path, OTHER_KEY)
    assert isinstance(inkgate(*command, "--bundle", bundle.path).exception, OtherSignerError)
    (bundle.path / SIGNATURE).unlink()
    assert isinstance(inkgate(*command, "--bundle", bundle.path).exception, UnsignedBundleError)
    taken = inkgate(*command, "--bundle", bundle.path, "--unsigned")
    assert not isinstance(taken.exception, UnsignedBundleError)
    assert "nobody signed this bundle" in taken.stderr


def test_doctor_says_who_answers_for_the_bundle_and_keeps_nobody(bundle: Bundle) -> None:
    def look(*more: str) -> tuple[int, dict[str, object]]:
        result = inkgate("doctor", "--bundle", bundle.path, "--json", *more)
        found = {row["check"]: row for row in map(json.loads, result.stdout.splitlines())}
        return result.exit_code, found["bundle"]

    assert "new here" in str(look()[1]["told"])
    assert not Pins().folder.exists()
    admit(bundle.path, Pins())
    assert "new here" not in str(look()[1]["told"])
    (bundle.path / SIGNATURE).unlink()
    code, found = look()
    assert (code, found["state"]) == (4, "broken")
    assert look("--unsigned")[1]["state"] == "warning"
