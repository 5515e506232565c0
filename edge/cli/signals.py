"""A signal to a running gate -> an exception between two outcomes, never in the middle of one."""

import signal
from collections.abc import Generator, Iterator
from signal import SIGHUP, SIGTERM, Signals

from edge.gate.loop import Notice, Outcome
from edge.service.notify import Service


class SignalledError(BaseException):
    """Raised by a signal that the gate obeys; no handler of errors may take it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {Signals(number).name}")
        self.number = number


class SignalsObeyed:
    """SIGTERM, which ends the gate as asked, and SIGHUP, which has it open everything anew.

    A signal is obeyed while the next outcome is waited for: what was decided before has then been shown and counted,
    and an open word is closed as UNAVAILABLE, recorded and shown.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._waiting, self._pending = False, 0

    def __enter__(self) -> "SignalsObeyed":
        self._before = [(number, signal.signal(number, self._obey)) for number in (SIGTERM, SIGHUP)]
        return self

    def __exit__(self, *_: object) -> None:
        for number, deed in self._before:
            signal.signal(number, deed)

    def each(self, outcomes: Generator[Outcome | Notice, None, None]) -> Iterator[Outcome | Notice]:
        """Yield what comes. SignalledError for a signal, after what it made of an open word."""
        while True:
            try:
                self._waiting = True
                number, self._pending = self._pending, 0
                item = outcomes.throw(SignalledError(number)) if number else next(outcomes)
            except StopIteration:
                return
            finally:
                self._waiting = False
            yield item

    def _obey(self, number: int, _: object) -> None:
        if number == SIGHUP:
            self._service.reloading()
        else:
            self._service.stopping()
        if self._waiting:
            raise SignalledError(number)
        self._pending = number
