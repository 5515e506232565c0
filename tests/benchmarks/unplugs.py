"""What 1,000 unplugs of a board cost a gate's link: how long until it is connected again, descriptors and threads.

    PYTHONPATH=tests/support python tests/benchmarks/unplugs.py [UNPLUGS]

A virtual board on a real pseudo-terminal, under a link's name as under a USB plug's, writes on; the cable is pulled at
any moment, and put back at once. Seconds of the clock from putting it back to Connected; every word comes once.
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from linked import make_words, open_descriptors, open_link

from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.session.events import Connected, WordEnded


def pull_and_put_back(board: VirtualBoard, connected: threading.Event, back: list[float], times: int) -> None:
    rng = np.random.default_rng(1)
    for _ in range(times):
        connected.wait()
        connected.clear()
        time.sleep(float(rng.uniform(0.0, 0.2)))
        board.unplug()
        board.start()
        back.append(time.perf_counter())


def main() -> None:
    unplugs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        board = VirtualBoard(make_words(4, 2) * (unplugs // 2 + 4), link=Path(folder) / "pen", board="unplugged")
        connected, back, took, words = threading.Event(), list[float](), list[float](), list[tuple[int, int]]()
        hand = threading.Thread(target=pull_and_put_back, args=(board, connected, back, unplugs), daemon=True)
        with board, open_link(board.start(), idle_timeout_s=10.0) as link:
            began_s, before = time.perf_counter(), (0, 0)
            for event in link.events():
                if isinstance(event, WordEnded):
                    words.append((event.session, event.word))
                if not isinstance(event, Connected):
                    continue
                if not hand.is_alive() and not back:
                    before = (open_descriptors(), threading.active_count())
                    hand.start()
                else:
                    took.append(time.perf_counter() - back[-1])
                if len(took) == unplugs:
                    break
                connected.set()
            hand.join()
            after = (open_descriptors(), threading.active_count() + 1)
            lasted_s = time.perf_counter() - began_s
    print(f"{unplugs:,} unplugs in {lasted_s:.0f} s, {len(words):,} words, {len(set(words)):,} of them different")
    print(f"connected again: p50 {statistics.median(took):.2f} s, max {max(took):.2f} s")
    print(f"descriptors {before[0]} -> {after[0]}, threads {before[1] + 1} -> {after[1]}")


if __name__ == "__main__":
    main()
