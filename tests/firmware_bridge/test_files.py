"""What lies at a path is read whole, or refused in a sentence where it has no end."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli.users import users
from firmware_bridge.errors import InkgateError
from firmware_bridge.files import read_file


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_file(path, 4)


@pytest.mark.parametrize("endless", ["/dev/zero", "/dev/full"])
@pytest.mark.parametrize("option", ["--roster", "--bundle"])
def test_a_device_without_end_is_refused_in_a_sentence(option: str, endless: str) -> None:
    result = CliRunner().invoke(users, ["list", option, endless])
    assert isinstance(result.exception, InkgateError), result.output
    assert endless in str(result.exception)
