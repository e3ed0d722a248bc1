"""What reconciling finds. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Gap:
    """Two parties do not say the same about one thing."""

    subject: str
    """What it is about: a request's id, an account, a partition and its offsets."""
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, how much it was held against, and where it does not hold."""

    name: str
    looked_at: int
    gaps: tuple[Gap, ...] = ()


def check(name: str, looked_at: int, gaps: Iterable[Gap]) -> Check:
    """A check with its gaps in the order of their subjects."""
    return Check(name, looked_at, tuple(sorted(gaps, key=lambda gap: (gap.subject, gap.what))))


@dataclass(slots=True)
class Findings:
    """All checks, and what a reader should know beside them."""

    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nobody contradicts anybody."""
        return not any(each.gaps for each in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {"clean": self.is_clean, **asdict(self)}

    def as_text(self, *, most_gaps: int = 200) -> Iterator[str]:
        """A table of the checks, then each one's first gaps, for a person."""
        yield f"{'check':<58}{'looked at':>12}{'gaps':>10}"
        for each in self.checks:
            yield f"{each.name:<58}{each.looked_at:>12,}{len(each.gaps):>10,}"
        for note in self.notes:
            yield f"note: {note}"
        for each in self.checks:
            if each.gaps:
                yield f"\n{each.name}:"
                yield from (f"  {gap.subject}: {gap.what}" for gap in each.gaps[:most_gaps])
            if len(each.gaps) > most_gaps:
                yield f"  … and {len(each.gaps) - most_gaps:,} more (--json has all)"
        yield "\nno gaps" if self.is_clean else "\nGAPS FOUND"
