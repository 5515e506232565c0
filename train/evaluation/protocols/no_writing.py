"""Protocol `not-writing`.

What boards deliver of taps, bars, noise and the like, and what the gate accepts of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.gate.judging import Seen
from edge.ink.fragment import to_int8
from edge.ink.quality import Quality, assess
from edge.roster.writing import Network, Reader
from train.evaluation.non_writing import measure_non_writing
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.figures import Answer, exact
from train.evaluation.protocols.task import Task, enrol
from train.evaluation.protocols.written import Outputs
from train.synthetic.not_writing import Kind, Word, kinds_of

BOARDS = ("pen", "camera")
ROSTERS = 3
"""At most so many draws of users judge the same words."""


def not_writing(task: Task, network: Network, reader: Reader, ways: Sequence[tuple[str, Kind]] | None = None) -> Answer:
    """Say how much of what is no writing is accepted as some user's.

    Ways: (board, kind); None: all there are.
    """
    gates = []
    for draw in task.draws[:ROSTERS]:
        users, _ = enrol(task.written, draw.users)
        gates.append(Gate(task.common.evidence, users, (), replace(task.common.policy, claim=None)))

    def accepts(words: Sequence[Word]) -> NDArray[np.bool_]:
        return np.array([opens(gates, network, reader, word) for word in words], np.bool_)

    found = measure_non_writing(
        accepts,
        task.trials,
        ways=ways or [(board, kind) for board in BOARDS for kind in kinds_of(board)],
        seed=task.seed,
        processes=task.processes,
        progress=task.progress,
    )
    return Answer(
        "not-writing",
        f"Nobody says who he is; {len(gates)} rosters, of {len(task.draws[0].users)} users of kind "
        f"{task.written.kind} without PINs; words of 4 to 12 symbols; gate at --far {task.common.policy.far:g}.",
        tuple(
            {
                "board": row.path,
                "what": row.kind,
                "attempts": row.attempts,
                "words": row.words,
                "accepted": row.accepted,
                "accepted %": exact(row.accepted, row.attempts),
            }
            for row in found
        ),
        (
            "Every word is judged by every roster; one that accepts it is enough to count it as accepted.",
            "An attempt of which the board makes no word counts as refused.",
            "'one-symbol' and 'one-sample' are of invented writers.",
            "Upper bounds are exact (Clopper-Pearson, one-sided 95 %).",
        ),
    )


def opens(gates: Sequence[Gate], network: Network, reader: Reader, word: Word) -> bool:
    """Return whether any gate accepts a word as somebody's.

    What gates refuse whatever the networks say is not shown to them, which saves most of the time.
    """
    quality = assess(word.fragments, durations_ms=word.durations_ms).quality
    if quality in (Quality.NOT_WRITING, Quality.TOO_PLAIN):
        return False
    codes = to_int8(word.fragments)
    times = [duration for duration, _ in word.times]
    parts = zip(word.fragments, network.features(codes), reader.read(codes), times, strict=True)
    seen = [Seen(pixels, Outputs(np.empty(0), features), reading, time) for pixels, features, reading, time in parts]
    return any(gate.hear(seen).user >= 0 for gate in gates)
