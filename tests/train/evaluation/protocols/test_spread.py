import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train.evaluation.protocols.spread import spread


def add(common: int, job: int) -> int:
    return common + job


def divide(common: int, job: int) -> float:
    return common / job


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_their_jobs_and_are_told_one_by_one(processes: int) -> None:
    told: list[tuple[str, int, int]] = []
    found = spread(add, 10, [1, 2, 3], "adding", lambda *report: told.append(report[:3]), processes)
    assert found == [11, 12, 13]
    assert told == [("adding", done, 3) for done in range(4)]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_is_raised(processes: int) -> None:
    with pytest.raises(ZeroDivisionError):
        spread(divide, 10, [1, 0, 2], "dividing", processes=processes)


def test_an_interrupted_command_leaves_no_process_behind() -> None:
    """Interrupt a command whose jobs would take a minute: it ends at once, and its processes with it."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where a shell runs this as a job
        "from train.evaluation.protocols.spread import spread\n"
        "def sleep(common, job):\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    spread(sleep, 0, [0] * 8, 'sleeping', lambda *_: print('begun', flush=True), 2)\n"
    )
    root = Path(__file__).parents[4]
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)  # the pipes close when the last process that holds them is gone
    assert process.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
