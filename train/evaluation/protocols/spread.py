"""Jobs -> their results in order, computed by several processes that share what all jobs need."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from train.progress import Progress, silent

Common = TypeVar("Common")
Job = TypeVar("Job")
Result = TypeVar("Result")


def spread(
    function: Callable[[Common, Job], Result],
    common: Common,
    jobs: Sequence[Job],
    what: str,
    progress: Progress = silent,
    processes: int | None = None,
) -> list[Result]:
    """Return function(common, job) of every job.

    Processes: how many compute; None stands for one a processor.

    The result does not depend on it.
    """
    count = min(processes or os.cpu_count() or 1, len(jobs))
    results: list[Result] = []
    progress(what, 0, len(jobs))
    if count <= 1:
        for job in jobs:
            results.append(function(common, job))
            progress(what, len(results), len(jobs))
        return results
    with ProcessPoolExecutor(count, initializer=_enter, initargs=(common,)) as pool:
        for result in pool.map(_call, [(function, job) for job in jobs]):
            results.append(result)
            progress(what, len(results), len(jobs))
    return results


_COMMON: list[Any] = []


def _enter(common: Any) -> None:
    _COMMON[:] = [common]


def _call(work: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    function, job = work
    return function(_COMMON[0], job)
