"""Who runs where: the measured process alone on one core, everything else on the other.

What the gateway needs around it (PostgreSQL, billing, …) shares the second core with the generator
and the upstream. It runs under SCHED_IDLE there, so that it takes what those leave; and where the
user may (root), those two are real-time processes: even an idle one keeps its turn until the
kernel looks again, and what waits for that bounds a run that the measured process is to bound.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import psutil

MEASURED_CORE: Final = 0
OTHER_CORE: Final = 1


def place(pid: int, cores: Iterable[int], *, idle: bool = False, nice: int = 0) -> None:
    """Put a process, its children and all their threads on these cores. May be repeated.

    Who has been made `nice` stays so where the user may not undo it.
    """
    policy = os.SCHED_IDLE if idle else os.SCHED_OTHER
    wanted = set(cores)
    for thread in _threads(pid):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, wanted)
            os.sched_setscheduler(thread, policy, os.sched_param(0))
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, thread, nice)


def put_first(pid: int) -> None:
    """Let a process, its children and all their threads run as soon as there is something to do.

    Nothing changes where the user may not ask for that.
    """
    for thread in _threads(pid):
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))


def every_core() -> range:
    """All that there are."""
    return range(psutil.cpu_count() or 1)


def _threads(pid: int) -> Iterator[int]:
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            yield from (thread.id for thread in each.threads())
