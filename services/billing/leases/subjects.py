"""Who a lease can be for: an account, a key with a limit, or a budget. Pure."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from shared.events.numbers import MAX_ID

_V = TypeVar("_V")


class SubjectKind(StrEnum):
    """In the order in which they are locked."""

    ACCOUNT = "account"
    KEY = "key"
    BUDGET = "budget"


class Subject(NamedTuple):
    """One account (its workspace's id), key or budget. As text, it is what relays say."""

    kind: SubjectKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"


_SUBJECT: Final = re.compile(r"(account|key|budget):([1-9][0-9]{0,18})")


def parse_subject(text: str) -> Subject | None:
    """The subject that a text names; None for what names none."""
    match = _SUBJECT.fullmatch(text)
    subject_id = int(match[2]) if match else 0
    if match is None or subject_id > MAX_ID:
        return None
    return Subject(SubjectKind(match[1]), subject_id)


def account(workspace_id: int) -> Subject:
    """A workspace's account."""
    return Subject(SubjectKind.ACCOUNT, workspace_id)


def key(key_id: int) -> Subject:
    """A key."""
    return Subject(SubjectKind.KEY, key_id)


def budget(budget_id: int) -> Subject:
    """A budget."""
    return Subject(SubjectKind.BUDGET, budget_id)


def ids_of(subjects: Iterable[Subject], kind: SubjectKind) -> list[int]:
    """The ids of one kind's subjects."""
    return [subject.id for subject in subjects if subject.kind is kind]


def by_id(subjects: Mapping[Subject, _V], kind: SubjectKind) -> dict[int, _V]:
    """One kind's part, by id."""
    return {subject.id: value for subject, value in subjects.items() if subject.kind is kind}
