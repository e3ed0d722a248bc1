"""Percentiles, medians, and the CPU time of processes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import psutil


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all is not above; 0 where there is none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * share // 1) - 1))]


def median_of(values: Iterable[float]) -> float:
    """The median."""
    return float(median(values))


def cpu_s(pid: int) -> float:
    """User and system time of a process, its threads and its living children, in seconds."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def machine_busy_s() -> float:
    """Time that all cores together have spent on anything at all, in seconds."""
    times = psutil.cpu_times()
    # Of a virtual machine's times `guest` is in `user` already, and `steal` was not ours.
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def rss_mib(pid: int) -> float:
    """Resident memory of a process alone."""
    return float(psutil.Process(pid).memory_info().rss) / 1024 / 1024


def peak_rss_mib(pid: int) -> float:
    """The most that a process alone has had resident. Raises OSError where it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 1024
    raise OSError("the kernel does not say how much memory the process has had")
