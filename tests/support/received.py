"""An emulated board's port -> the words and faults that a host hears, in order."""

from collections.abc import Iterator

import numpy as np
from emulated import Pixels

from firmware_bridge.boards import BOARDS
from firmware_bridge.link.link import open_link
from firmware_bridge.session.events import BoardFault, Connected, FragmentReceived, WordEnded

APPS = [(board.name, app) for board in BOARDS.values() for app in board.apps]
PENS = [board for board, app in APPS if app == "pen"]
PATIENCE_S = 30


def received(path: str, ends: int) -> Iterator[Pixels | BoardFault | Connected]:
    """Yield the first connection, then words [T, 33, 33] and faults, until `ends` have ended.

    On two busy cores an emulated board may be silent so long that the link counts it as lost and connects again.
    """
    fragments: list[Pixels] = []
    connected = False
    with open_link(path, connect_patience_s=PATIENCE_S, idle_timeout_s=PATIENCE_S) as link:
        for event in link.events():
            if isinstance(event, FragmentReceived):
                fragments = [*fragments[: event.index], event.pixels]
            elif isinstance(event, WordEnded):
                yield np.stack(fragments)
            elif isinstance(event, BoardFault) or (isinstance(event, Connected) and not connected):
                connected = True
                yield event
            ends -= isinstance(event, WordEnded | BoardFault)
            if not ends:
                return
