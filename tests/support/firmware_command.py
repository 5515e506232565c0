"""`inkgate firmware`, called in this process by a user with the signing key of `images.sealed`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from images import KEY

from firmware_bridge.cli import firmware as cli_firmware
from firmware_bridge.cli import monitor as cli_monitor
from firmware_bridge.cli.firmware import firmware
from firmware_bridge.errors import BridgeError
from firmware_bridge.trust import signing
from firmware_bridge.trust.folder import SIGNING_VARIABLE
from firmware_bridge.trust.signing import SigningKey

needs_gcc = pytest.mark.needs("arm-none-eabi-gcc")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the signing folder of a user whose key is that of `sealed`."""
    own = tmp_path / "signing"
    own.mkdir()
    (own / "firmware.pub").write_bytes(KEY.public.pem())
    monkeypatch.setenv(SIGNING_VARIABLE, str(own))
    # Waiting for ports is not tested here.
    monkeypatch.setattr(cli_firmware, "_CONNECT_S", 0.0)
    monkeypatch.setattr(cli_monitor, "CONNECT_S", 0.0)
    return tmp_path


def own_key() -> SigningKey:
    """Make the user's own key for images, in place of that of `sealed`."""
    path = signing.own_key(signing.IMAGES)
    signing.public_of(path).unlink()
    return signing.create_signing_key(path)


def inkgate(*arguments: object) -> Result:
    return CliRunner().invoke(firmware, [str(argument) for argument in arguments])


def code(result: Result) -> int:
    """Return the exit code that inkgate.main gives a result."""
    if isinstance(result.exception, BridgeError):
        return result.exception.exit_code
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


def facts(result: Result) -> dict[str, object]:
    assert code(result) == 0, result.exception or result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found
