"""A port of another machine: a server of RFC 2217, pyserial's own, in front of a board on a pty."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial
from linked import collect, make_words, open_link, same
from serial import rfc2217

from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.errors import PortLostError, PortMissingError
from firmware_bridge.link.transport import SerialTransport

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


class Port(serial.Serial):
    """A pty as a serial port; it has no modem lines."""

    rts = dtr = False
    cts = dsr = ri = cd = False


class Writer:
    """The connection as PortManager writes to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


@contextmanager
def server(path: str) -> Iterator[str]:
    """Serve the port for one connection; yield its address."""
    listening, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, Port(path, timeout=0.02) as port:
            connection.settimeout(0.02)
            manager = rfc2217.PortManager(port, Writer(connection))

            def read() -> None:
                while not stop.is_set():
                    if data := port.read(port.in_waiting or 1):
                        connection.sendall(b"".join(manager.escape(data)))

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            while not stop.is_set():
                try:
                    data = connection.recv(1024)
                except TimeoutError:
                    continue
                if not data:
                    break
                port.write(b"".join(manager.filter(data)))
            stop.set()
            reader.join()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        thread.join(5.0)
        listening.close()


def test_a_board_behind_a_server_of_rfc_2217_is_served_as_a_serial_port_is() -> None:
    words = make_words(5, 8)
    with VirtualBoard(words, baud_rate=None) as board:
        with server(board.path or "") as address, open_link(address, idle_timeout_s=2.0) as link:
            names, got, _ = collect(link)
        assert board.wait(1.0)
    assert same(got, words)
    assert len(set(names)) == 5


def test_a_server_that_goes_away_is_a_lost_port() -> None:
    with VirtualBoard([], baud_rate=None) as board:
        with server(board.path or "") as address:
            transport = SerialTransport(address, 115_200)
        with transport, pytest.raises(PortLostError):
            read_on(transport)


def read_on(transport: SerialTransport) -> None:
    for _ in range(10):
        transport.read(0.1)


def test_a_server_that_speaks_no_rfc_2217_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"rfc2217://127.0.0.1:{listening.getsockname()[1]}?timeout=0.2"
        with pytest.raises(PortMissingError, match="does not speak RFC 2217"):
            SerialTransport(address, 115_200)
