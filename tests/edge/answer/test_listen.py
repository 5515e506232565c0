"""A TCP port on which a gate is asked: who is heard, and which addresses are refused."""

import re
import socket

import pytest

from edge.answer.listen import Listener
from edge.answer.network import answer_each, describe_gate
from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.exchange import SILENCE_S


class Silent:
    """A silent line; every read advances the test's clock."""

    now_s = 0.0

    def read(self, timeout_s: float) -> bytes:
        Silent.now_s += timeout_s
        return b""

    def write(self, data: bytes) -> None:
        raise AssertionError("nobody has asked")


def test_who_connects_and_keeps_silent_makes_way_for_the_next() -> None:
    session = BoardSession(describe_gate(1, 5), 0.0)
    answer_each(session, [Silent(), Silent()], clock=lambda: Silent.now_s)
    assert 2 * SILENCE_S <= Silent.now_s < 3 * SILENCE_S


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("socket://nowhere", "not of the form socket://HOST:PORT"),
        ("socket://127.0.0.1:99999", "not of the form socket://HOST:PORT"),
        ("socket://192.0.2.1:0", "cannot be listened on"),  # an address for documentation: nobody has it
    ],
)
def test_what_cannot_be_listened_on_is_named(url: str, said: str) -> None:
    with pytest.raises(PortMissingError, match=said):
        Listener(url)


def test_a_port_that_is_taken_is_named() -> None:
    with Listener("socket://[::1]:0") as first, pytest.raises(PortBusyError, match=re.escape(first.url)) as caught:
        Listener(first.url)
    assert caught.value.exit_code == 3


def test_a_connection_carries_bytes_both_ways_until_the_other_end_has_gone() -> None:
    with Listener("socket://127.0.0.1:0") as listener:
        here = socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2])))
        connections = listener.connections()
        there = next(connections)
        assert there.read(0.0) == b""
        here.sendall(b"ask")
        assert there.read(5.0) == b"ask"
        there.write(b"answer")
        assert here.recv(6) == b"answer"
        here.close()
        with pytest.raises(PortLostError, match="hung up"):
            there.read(5.0)
