"""A host over real pyserial, a virtual board on a pty: noise, power cuts, unplugging, signals, TCP."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from linked import IDLE_S, collect, make_words, open_descriptors, open_link, same

from firmware_bridge.emulate.virtual_board import VirtualBoard, Word
from firmware_bridge.link.errors import PortLostError, PortMissingError
from firmware_bridge.link.link import Link
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.events import Connected, Event, FragmentReceived, LinkLost, WordEnded, WordStarted
from firmware_bridge.wire import messages as wire


@pytest.mark.parametrize(("bits", "loss", "corrupt"), [(1, 0.0, 0.05), (1, 0.05, 0.05), (8, 0.0, 0.05)])
def test_with_five_percent_corrupted_frames_every_word_arrives_once_and_right(
    bits: int, loss: float, corrupt: float
) -> None:
    words = make_words(40, 6, bits)
    board = VirtualBoard(words, pixel_bits=bits, baud_rate=None, loss=loss, corrupt=corrupt, seed=3)
    with board, open_link(board.start(), idle_timeout_s=IDLE_S, pixel_bits=bits) as link:
        names, got, others = collect(link)
        assert same(got, words)
        assert len(set(names)) == len(words)
        assert [type(event) for event in others] == [Connected]
        assert board.wait(1.0)
        assert [(sent.session, sent.word) for sent in board.acknowledged] == names
        assert min(board.spoiled) > 0
        assert link.counters.frames >= 40 * 8
        assert link.counters.crc_errors + link.counters.cobs_errors > 0


def test_the_board_keeps_the_pace_of_115200_baud() -> None:
    board = VirtualBoard(make_words(3, 12))
    with board, open_link(board.start(), idle_timeout_s=IDLE_S) as link:
        began_s = time.monotonic()
        ended = [time.monotonic() for event in link.events() if isinstance(event, WordEnded)]
    line_s = 36 * 152 * 10 / 115_200
    assert line_s <= ended[-1] - began_s
    # A busy machine slows it down somewhat; half the pace would be a fault of the board's loop.
    assert ended[-1] - began_s < 2 * line_s + 0.5


def test_a_power_cut_in_mid_word_is_link_lost_then_the_next_word_comes_in_a_new_session(tmp_path: Path) -> None:
    words = make_words(3, 20)
    board = VirtualBoard(words, link=tmp_path / "pen")
    log: list[Event] = []
    with board, open_link(board.start(), idle_timeout_s=1.5) as link:
        for event in link.events():
            log.append(event)
            if isinstance(event, FragmentReceived) and event.word == 2 and not board.lost:
                board.kill()
                assert not (tmp_path / "pen").exists()
                threading.Timer(0.3, board.start).start()
        assert board.wait(1.0)
    ended = [event for event in log if isinstance(event, WordEnded)]
    first, second = [event.info.session for event in log if isinstance(event, Connected)]
    assert first != second
    assert [(event.session, event.word) for event in ended] == [(first, 1), (second, 1)]
    lost = next(place for place, event in enumerate(log) if isinstance(event, LinkLost))
    after = [event for event in log[lost:] if isinstance(event, FragmentReceived)]
    assert same([np.array([event.pixels for event in after])], [words[2]])
    assert [sent.place for sent in board.lost] == [1]


def test_a_cable_pulled_in_mid_word_brings_the_same_word_again_whole(tmp_path: Path) -> None:
    words = make_words(2, 20)
    board = VirtualBoard(words, link=tmp_path / "pen")
    pulled = False
    with board, open_link(board.start(), idle_timeout_s=1.5) as link:
        started: list[tuple[int, int]] = []
        got: list[list[Word]] = []
        for event in link.events():
            if isinstance(event, WordStarted):
                started.append((event.session, event.word))
                got.append([])
            elif isinstance(event, FragmentReceived):
                got[-1].append(event.pixels)
                if event.index == 3 and not pulled:
                    pulled = True
                    board.unplug()
                    threading.Timer(0.2, board.start).start()
    session = started[0][0]
    assert started == [(session, 1), (session, 1), (session, 2)]
    assert same([np.array(word) for word in got[1:]], words)


def test_one_hundred_unpluggings_leak_no_descriptor_and_no_thread_and_lose_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.link.link.RETRY_S", 0.002)
    words = make_words(400, 3)
    board = VirtualBoard(words, baud_rate=None, link=tmp_path / "pen")
    rng = np.random.default_rng(1)
    names: list[tuple[int, int]] = []
    pulled = 0
    board.start()
    with open_link(str(tmp_path / "pen"), idle_timeout_s=IDLE_S) as link:
        events = link.events()
        next(events)
        before = open_descriptors()
        threads = threading.active_count()
        wait_for = int(rng.integers(1, 12))
        for event in events:
            if isinstance(event, WordEnded):
                names.append((event.session, event.word))
            wait_for -= 1
            if wait_for <= 0 and pulled < 100:
                wait_for = int(rng.integers(1, 12))
                pulled += 1
                board.unplug()
                board.start()
        assert pulled == 100
        assert open_descriptors() <= before
        assert threading.active_count() == threads
    board.kill()
    assert len(names) == len(set(names)) == len(words)
    assert names == sorted(names)


def test_the_next_host_gets_what_the_last_one_did_not_take_care_of() -> None:
    words = make_words(3, 4)
    board = VirtualBoard(words, baud_rate=None)
    with board:
        with pytest.raises(KeyboardInterrupt):
            interrupted(open_link(board.start()), by_signal=False)
        with open_link(board.start(), idle_timeout_s=IDLE_S) as link:
            names, got, _ = collect(link)
        assert [word for _, word in names] == [1, 2, 3]
        assert same(got, words)


@pytest.mark.parametrize("corrupt", [0.0, 0.1])
def test_a_host_that_leaves_after_a_word_has_it_acknowledged(corrupt: float) -> None:
    words = make_words(3, 4)
    board = VirtualBoard(words, baud_rate=None, corrupt=corrupt, seed=4)
    with board:
        with open_link(board.start()) as link:
            left = next(event for event in link.events() if isinstance(event, WordEnded))
        assert [(sent.session, sent.word) for sent in board.acknowledged] == [(left.session, left.word)]
        with open_link(board.start(), idle_timeout_s=2 * IDLE_S) as link:
            names, got, _ = collect(link)
        assert [word for _, word in names] == [2, 3]
        assert same(got, words[1:])


def test_a_host_that_leaves_in_mid_word_gets_the_word_again() -> None:
    board = VirtualBoard(make_words(1, 6), baud_rate=None)
    with board:
        with open_link(board.start()) as link:
            assert any(isinstance(event, FragmentReceived) and event.index == 3 for event in link.events())
        assert board.acknowledged == []
        with open_link(board.start(), idle_timeout_s=IDLE_S) as link:
            _, got, _ = collect(link)
        assert [len(word) for word in got] == [6]
        assert board.wait(1.0)


def test_leaving_a_line_that_failed_meanwhile_is_no_error() -> None:
    board = VirtualBoard(make_words(1, 2), baud_rate=None)
    before = open_descriptors()
    with board, open_link(board.start()) as link:
        assert any(isinstance(event, WordEnded) for event in link.events())
        board.unplug()
    assert open_descriptors() == before


def test_a_host_that_remembers_its_journal_gets_no_word_twice() -> None:
    board = VirtualBoard(make_words(3, 4), baud_rate=None)
    with board:
        with open_link(board.start()) as link:
            ended = next(event for event in link.events() if isinstance(event, WordEnded))
            link.close()  # without a word to the board
        delivered = {"virtual-pen": (ended.session, ended.word)}
        with open_link(board.start(), idle_timeout_s=IDLE_S, delivered=delivered) as link:
            names, _, _ = collect(link)
        assert [word for _, word in names] == [2, 3]
        assert board.wait(1.0)


def test_a_slow_consumer_loses_neither_words_nor_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.SILENCE_S", 0.6)
    monkeypatch.setattr("firmware_bridge.session.host.HEARTBEAT_S", 0.1)
    monkeypatch.setattr("firmware_bridge.wire.messages.SILENCE_MS", 600)
    monkeypatch.setattr("firmware_bridge.wire.messages.HEARTBEAT_MS", 100)
    board = VirtualBoard(make_words(3, 4), baud_rate=None)
    with board, open_link(board.start(), idle_timeout_s=IDLE_S) as link:
        kinds = []
        for event in link.events():
            kinds.append(type(event))
            if isinstance(event, WordEnded):
                time.sleep(1.0)  # longer than either end waits for a sign of life
        assert kinds.count(WordEnded) == 3
        assert LinkLost not in kinds


def test_tcp_works_as_a_serial_port_does() -> None:
    words = make_words(5, 4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server, words), daemon=True)
        thread.start()
        with open_link(f"socket://127.0.0.1:{server.getsockname()[1]}", reconnect_patience_s=0.0) as link:
            got = []
            fragments: list[Word] = []
            with contextlib.suppress(PortMissingError, PortLostError):
                for event in link.events():
                    if isinstance(event, FragmentReceived):
                        fragments.append(event.pixels)
                    elif isinstance(event, WordEnded):
                        got.append(np.array(fragments))
                        fragments = []
        thread.join(5.0)
        assert same(got, words)


def serve(server: socket.socket, words: list[Word]) -> None:
    """Serve a board on a TCP port, as an emulator does; hang up when all is acknowledged."""
    connection, _ = server.accept()
    server.close()
    info = wire.Info(wire.PROTOCOL_HASH, 5, 0, 0, wire.Kind.CAMERA, 1, "emulated", "qemu", "1", b"")
    session = BoardSession(info, time.monotonic(), capacity_words=len(words))
    for word in words:
        session.start_word(time.monotonic())
        for pixels in word:
            session.add_fragment(pixels)
        session.end_word(time.monotonic())
    with connection:
        connection.settimeout(0.02)
        while session.unacknowledged():
            with contextlib.suppress(TimeoutError):
                session.receive(connection.recv(4096), time.monotonic())
            while frame := session.next_frame(time.monotonic()):
                connection.sendall(frame)


def test_patience_waits_for_a_board_that_comes_later(tmp_path: Path) -> None:
    board = VirtualBoard(make_words(1, 2), baud_rate=None, link=tmp_path / "pen")
    timer = threading.Timer(0.3, board.start)
    timer.start()
    with open_link(str(tmp_path / "pen"), connect_patience_s=None, idle_timeout_s=1.0) as link:
        names, _, _ = collect(link)
    board.kill()
    assert len(names) == 1


def interrupted(link: Link, by_signal: bool) -> None:
    with link:
        for event in link.events():
            if isinstance(event, WordEnded) and by_signal:
                threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            elif isinstance(event, WordEnded):
                raise KeyboardInterrupt


@pytest.mark.parametrize("by_signal", [True, False])
def test_an_interrupt_in_the_consumer_or_while_waiting_gives_the_port_back(by_signal: bool) -> None:
    board = VirtualBoard(make_words(1, 2), baud_rate=None)
    # A shell's background job ignores SIGINT, and so would a test run that was started as one.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with board:
            port = board.start()
            before = open_descriptors()
            with pytest.raises(KeyboardInterrupt):
                interrupted(open_link(port), by_signal)
            assert open_descriptors() == before
    finally:
        signal.signal(signal.SIGINT, inherited)


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_does_not_keep_a_host_from_leaving(jump_s: float) -> None:
    with VirtualBoard(make_words(1, 3), baud_rate=None) as board:
        link = open_link(board.path or "")
        began_s = time.monotonic()
        with link:
            events = link.events()
            while not isinstance(next(events), WordEnded):
                pass
            readings = itertools.count()
            link._clock = lambda: time.monotonic() + (jump_s if next(readings) else 0.0)
        assert time.monotonic() - began_s < 5.0
