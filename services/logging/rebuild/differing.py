"""What was found to differ, and between whom. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

_MOST_PRINTED: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """Two who must say the same of a bucket, and do not."""

    bucket: int
    """Unix seconds of its beginning."""
    between: str
    """Both of them, and of what: "rows = checks: quota"."""
    left: int
    right: int

    @property
    def as_text(self) -> str:
        """A line for a person."""
        begins = datetime.fromtimestamp(self.bucket, UTC).strftime("%Y-%m-%d %H:%M")
        return f"{begins} ({self.bucket})  {self.between}: {self.left:,} and {self.right:,}"


@dataclass(slots=True)
class Checked:
    """What one run compared and found."""

    buckets: int = 0
    left_out: list[str] = field(default_factory=list)
    """What could not be compared, and why."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nobody contradicts anybody."""
        return not self.differences

    def add(self, other: "Checked") -> None:
        """Take over what a part of the run found."""
        self.buckets += other.buckets
        self.left_out += other.left_out
        self.differences += other.differences

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {"clean": self.is_clean, **asdict(self)}

    def as_text(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.buckets:,} hours and days compared"
        yield from (f"left out: {each}" for each in self.left_out)
        yield from (each.as_text for each in self.differences[:_MOST_PRINTED])
        if len(self.differences) > _MOST_PRINTED:
            yield f"… and {len(self.differences) - _MOST_PRINTED:,} more (--json has all)"
        yield "no differences" if self.is_clean else "DIFFERENCES FOUND"


def compare(
    bucket: int,
    between: str,
    left: Mapping[str, Any] | None,
    right: Mapping[str, Any] | None,
    names: Iterable[str],
) -> Iterator[Difference]:
    """Each of the figures that differs; who has nothing has 0."""
    for name in names:
        ours, theirs = _figure(left, name), _figure(right, name)
        if ours != theirs:
            yield Difference(bucket, f"{between}: {name}", ours, theirs)


def _figure(sums: Mapping[str, Any] | None, name: str) -> int:
    return int((None if sums is None else sums[name]) or 0)
