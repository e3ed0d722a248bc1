"""The README's example counts each event once, whenever it is stopped and run again."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ledgerline_events import Event, read

_README = Path(__file__).parents[1] / "README.md"
_MESSAGE = "tests/contract/golden/ledgerline.request.completed.v1.full.json"


@dataclass
class _Topic:
    """Stands where `Replay` does: what it is given is delivered, however often it is asked."""

    batches_of: Sequence[Sequence[Event]]

    def __call__(self, *_topics: Any, **_options: Any) -> "_Topic":
        return self

    async def batches(self) -> AsyncIterator[Sequence[Event]]:
        for events in self.batches_of:
            yield events


def _request() -> Event:
    message = json.loads((_README.parents[2] / _MESSAGE).read_text(encoding="utf-8"))
    event = read(
        SimpleNamespace(
            headers=[(name, told.encode()) for name, told in message["headers"].items()],
            value=json.dumps(message["value"]).encode(),
            topic="relay.requests",
            partition=0,
            offset=0,
        )
    )
    assert event is not None
    return event


async def test_the_readme_s_example_counts_once() -> None:
    event = _request()
    usage = event.data.model_dump()["usage"]
    tokens = usage["prompt_tokens"] + usage["completion_tokens"]
    assert tokens
    example: dict[str, Any] = {}
    [code] = re.findall(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, example)  # noqa: S102  # it is ours
    other = replace(event, id=event.id[:-1] + ("0" if event.id[-1] != "0" else "1"))
    example["Replay"] = _Topic([[event, event], [other]])
    with closing(sqlite3.connect(":memory:")) as database:
        for _ in range(2):
            await example["count_tokens"](database, "nowhere")
        assert database.execute("SELECT sum(tokens) FROM tokens").fetchone() == (2 * tokens,)
