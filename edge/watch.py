"""An iterator that may wait for ever -> the same items, with Silence in between whenever nothing came for a while."""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Silence:
    """Nothing came for this long."""

    seconds: float


@dataclass(frozen=True)
class _End:
    """The items are over, by the error if there is one."""

    error: BaseException | None


def watch(items: Iterable[T], period_s: float) -> Iterator[T | Silence]:
    """The items in order; a Silence for every `period_s` seconds without one; the source's error is raised here.

    The next item is asked for only when the consumer asks for it, in a thread of its own, so a source that takes the
    next request as an acknowledgement is acknowledged neither sooner nor later than without this.
    """
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    given: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(iter(items), asked, given), name="watch", daemon=True).start()
    try:
        asked.put(True)
        while True:
            try:
                item = given.get(timeout=period_s)
            except queue.Empty:
                yield Silence(period_s)
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
            asked.put(True)
    finally:
        asked.put(False)


def _pump(items: Iterator[T], asked: "queue.SimpleQueue[bool]", given: "queue.SimpleQueue[T | _End]") -> None:
    try:
        while asked.get():
            given.put(next(items))
    except StopIteration:
        given.put(_End(None))
    except BaseException as error:
        given.put(_End(error))
