"""Boards with a key and without one."""

import ends
import pytest


@pytest.fixture(params=[None, bytes(range(32))], ids=["without-key", "with-key"])
def each_key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test for a board with a key and for one without."""
    monkeypatch.setattr(ends, "KEY", request.param)
