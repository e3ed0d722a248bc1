"""A profile for people: what each module, each function and each package costs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.environment import REPOSITORY
from operations.bench.sampled import EVERY_S

_TOP: Final = 40
_ROOT: Final = "python/runners.py:Runner.run"
"""What is further out is the start of the process, in every sample."""
_OURS: Final = ("services/", "shared/")
_LOOP: Final = "uvloop/the loop itself"
_THREADS: Final = "threads/the other threads"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What `operations.bench.sampled` found."""

    thread_s: float
    """CPU time of the thread that was sampled."""
    process_s: float
    """CPU time of all threads."""
    samples: list[tuple[int, list[str]]]
    """How often, and `path:function`, the outermost first."""


def profile_lines(found: Profile, *, cost_us: float | None, unit: str) -> Iterator[str]:
    """The tables, in shares of the CPU time; with what one unit costs in microseconds of it too."""
    counts = _stacks(found)
    total = sum(counts.values()) or 1
    for title, names_of in _TABLES:
        table: Counter[str] = Counter()
        for names, count in counts.items():
            for name in names_of(names):
                table[name] += count
        yield f"\n{title} ({total} ms; share{f', us a {unit}' if cost_us else ''})"
        for name, count in table.most_common(_TOP):
            share = count / total
            cost = f"{share * cost_us:9.2f}" if cost_us else ""
            yield f"{share:7.1%}{cost}  {name}"


def _stacks(found: Profile) -> Counter[tuple[str, ...]]:
    counts: Counter[tuple[str, ...]] = Counter()
    for count, stack in found.samples:
        counts[tuple(inner(stack))] += count
    # The samples of a loop that waits are in there.
    del counts[_LOOP,]
    counts[_LOOP,] = max(0, round(found.thread_s / EVERY_S) - sum(counts.values()))
    counts[_THREADS,] = max(0, round((found.process_s - found.thread_s) / EVERY_S))
    return counts


def inner(stack: Iterable[str]) -> list[str]:
    """A stack without the start of the process, and with paths that are as short as can be."""
    names = [_short(each) for each in stack]
    names = names[names.index(_ROOT) + 1 :] if _ROOT in names else names
    return names or [_LOOP]


def _module(names: Sequence[str]) -> str:
    """The innermost module of ours; where there is none, the library that was called first."""
    found = [name for name in names if name.startswith(_OURS)]
    return found[-1].partition(":")[0] if found else f"(none) {_package(names[0])}"


def _package(name: str) -> str:
    return name.partition("/")[0].partition(":")[0]


def _short(name: str) -> str:
    for folder in ("site-packages/", f"{REPOSITORY}/"):
        _, found, rest = name.partition(folder)
        if found:
            return rest
    path, _, function = name.rpartition(":")
    return f"python/{Path(path).name}:{function}"


_TABLES: Final[Sequence[tuple[str, Callable[[Sequence[str]], Iterable[str]]]]] = (
    ("by module of ours, with the libraries that it calls", lambda names: (_module(names),)),
    ("by package, itself", lambda names: (_package(names[-1]),)),
    ("by function, itself", lambda names: (names[-1],)),
    ("by function, with all that it calls", frozenset),
)
