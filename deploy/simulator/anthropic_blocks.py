"""The content blocks of a message, as they are whole and as a stream opens them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from deploy.simulator.json_text import parse_json, to_json
from deploy.simulator.web_search import QUERY
from deploy.simulator.words import sliced

SIGNATURE: Final = "c2lnbmVkIGJ5IHRoZSBzaW11bGF0b3I="
_FOUND: Final = "web_search_tool_result"


@dataclass(frozen=True, slots=True)
class Block:
    """One content block: `chunks` are its text, thinking or partial JSON as it is streamed."""

    kind: str
    chunks: Sequence[str]
    tool_name: str = ""
    tool_use_id: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.chunks)


def answer_block(tool: Mapping[str, Any] | None, chunks: Sequence[str]) -> Block:
    """Text, or the call of a tool."""
    if tool is None:
        return Block("text", chunks)
    return Block("tool_use", chunks, str(tool.get("name")), f"toolu_{uuid4().hex}")


def search_blocks() -> tuple[Block, Block]:
    """A search of the provider's, and what it found."""
    searched_id = f"srvtoolu_{uuid4().hex}"
    asked = sliced(to_json({"query": QUERY}).decode())
    return (
        Block("server_tool_use", asked, "web_search", searched_id),
        Block(_FOUND, (), "web_search", searched_id),
    )


def whole_block(block: Block) -> dict[str, Any]:
    """The block as a plain answer has it."""
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": block.text, "signature": SIGNATURE}
    if block.kind == "text":
        return {"type": "text", "text": block.text}
    if block.kind == _FOUND:
        return _found(block)
    return _call(block, _read_input(block.text))


def opening_block(block: Block) -> dict[str, Any]:
    """The block as a stream begins it."""
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if block.kind == "text":
        return {"type": "text", "text": ""}
    return _found(block) if block.kind == _FOUND else _call(block, {})


def _call(block: Block, given: Any) -> dict[str, Any]:
    return {"type": block.kind, "id": block.tool_use_id, "name": block.tool_name, "input": given}


def _found(block: Block) -> dict[str, Any]:
    found = {
        "type": "web_search_result",
        "url": "https://example.com/news",
        "title": "News",
        "encrypted_content": SIGNATURE,
        "page_age": None,
    }
    return {"type": _FOUND, "tool_use_id": block.tool_use_id, "content": [found]}


def _read_input(text: str) -> Any:
    try:
        return parse_json(text.encode())
    except ValueError:  # cut at the limit
        return {}
