"""What a message may ask for: tools that the client runs, and nothing kept or without a price."""

import json
from typing import Any

import pytest
from anthropic.types import ToolUnionParam
from anthropic.types.beta import BetaToolUnionParam
from pydantic import TypeAdapter

from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError

SCHEMA = {"type": "object", "properties": {"type": {"type": "string", "enum": ["web_search"]}}}
OWN = {"name": "look_up", "description": "x", "input_schema": SCHEMA}
SDKS: TypeAdapter[Any] = TypeAdapter(ToolUnionParam | BetaToolUnionParam)
OF_THE_CLIENT: list[dict[str, Any]] = [
    OWN,
    {**OWN, "type": "custom"},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
    {
        "type": "computer_20250124",
        "name": "computer",
        "display_width_px": 1024,
        "display_height_px": 768,
    },
    {"type": "memory_20250818", "name": "memory"},
    {"type": "computer_toolset_20260801"},
]
OF_THE_PROVIDER: list[tuple[dict[str, Any], str]] = [
    ({"type": "web_fetch_20250910", "name": "web_fetch"}, "web_fetch"),
    ({"type": "code_execution_20250825", "name": "code_execution"}, "code_execution"),
    ({"type": "mcp_toolset", "mcp_server_name": "x"}, "mcp_toolset"),
    (
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
        "tool_search_tool",
    ),
    ({"type": "advisor_20260301", "name": "advisor", "model": "claude"}, "advisor"),
]


def raw(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "hello"}]
    return json.dumps({"model": "claude", "max_tokens": 5, "messages": messages, **fields}).encode()


def read(**fields: Any) -> RequestFacts:
    return Messages().read_request(raw(**fields))


def refusal(body: bytes) -> RelayError:
    for call in (Messages(), CountTokens()):
        with pytest.raises(RelayError) as caught:
            call.read_request(body)
        assert caught.value.http_status == 400
    return caught.value


@pytest.mark.parametrize("tool", OF_THE_CLIENT, ids=lambda tool: tool.get("type", "none"))
def test_a_tool_that_the_client_runs_passes(tool: dict[str, Any]) -> None:
    SDKS.validate_python(tool)
    read(tools=[OWN, tool])


@pytest.mark.parametrize(("tool", "told"), OF_THE_PROVIDER, ids=lambda each: str(each)[:40])
def test_a_tool_that_the_provider_runs_is_refused_by_name(tool: dict[str, Any], told: str) -> None:
    SDKS.validate_python(tool)
    error = refusal(raw(tools=[OWN, tool]))
    assert error.param == "tools"
    assert f"`{told}`" in error.message


@pytest.mark.parametrize("kind", ["Custom", "secret words", "bash", "bash_ 1", 7, ["custom"], {}])
def test_a_type_that_nobody_knows_is_refused_and_not_repeated(kind: Any) -> None:
    error = refusal(raw(tools=[{"type": kind, "name": "x"}]))
    assert error.param == "tools"
    assert "A tool of this type" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    "tools",
    [
        '[{"type":"custom","type":"web_fetch_20250910"}]',
        '[{"type":"web_fetch_20250910","type":"custom"}]',
        r'[{"name":"x","\u0074ype":"web_fetch_20250910"}]',
        '[{"name":"x","Type":"web_fetch_20250910"}]',
        '["custom"]',
        '{"type":"custom"}',
        "7",
        "[" * 900 + "]" * 900,
    ],
)
def test_a_tool_that_can_be_read_in_two_ways_is_refused(tools: str) -> None:
    body = f'{{"model":"m","messages":[],"tools":{tools}}}'
    assert refusal(body.encode()).param == "tools"


def test_tools_are_found_where_their_name_stands_elsewhere_too() -> None:
    search = json.dumps([OF_THE_PROVIDER[0][0]])
    said = json.dumps([{"role": "user", "content": '"tools"'}, {"tools": []}])
    for body in (
        f'{{"messages":{said},"tools": {search},"model":"m"}}',
        f'{{"tools":{search} ,"messages":{said},"model":"m"}}',
        f'{{"model":"m","messages":[],"t\\u006fols":{search}}}',
    ):
        assert refusal(body.encode()).param == "tools"


@pytest.mark.parametrize("tools", [None, []])
def test_no_tools_are_no_tools(tools: Any) -> None:
    assert read(tools=tools).text_bytes == len(raw(tools=tools))


def test_what_tools_add_to_the_input_unseen_is_held() -> None:
    """Anthropic adds a prompt of its own, and a description of each of its own tools."""
    one, bash = read(tools=[OWN]), read(tools=[OWN, OF_THE_CLIENT[2]])
    assert one.text_bytes >= len(raw(tools=[OWN])) + 804
    assert bash.text_bytes >= len(raw(tools=[OWN, OF_THE_CLIENT[2]])) + 804 + 245
    own_set = [OF_THE_CLIENT[-1]]
    assert read(tools=own_set).text_bytes > len(raw(tools=own_set)) + 10_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp_servers", [{"type": "url", "url": "https://example.com", "name": "x"}]),
        ("container", "container_1"),
        ("container", {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}),
        ("thread", {"type": "create"}),
        ("fallbacks", [{"model": "claude-dearer"}]),
        ("fallbacks", "default"),
        ("compaction", {"type": "summarize"}),
        ("speed", "fast"),
        ("inference_geo", "us"),
        ("service_tier", "priority"),
        ("service_tier", ["auto"]),
        ("context_management", {"edits": [{"type": "compact_20260112"}]}),
        ("context_management", {"edits": ["compact_20260112"]}),
        ("context_management", {"edits": {"type": "compact_20260112"}}),
    ],
)
def test_what_is_kept_or_has_no_price_is_refused_by_name(name: str, value: Any) -> None:
    error = refusal(raw(**{name: value}))
    assert error.param == name
    assert f"`{name}`" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in ("mcp_servers", "container", "thread", "fallbacks", "speed")),
        ("mcp_servers", []),
        ("speed", "standard"),
        ("inference_geo", "global"),
        ("service_tier", "auto"),
        ("service_tier", "standard_only"),
        ("context_management", None),
        ("context_management", {"edits": [{"type": "clear_tool_uses_20250919"}]}),
    ],
)
def test_asking_for_nothing_of_it_passes(name: str, value: Any) -> None:
    assert read(**{name: value}).text_bytes == len(raw(**{name: value}))


def test_who_asks_for_the_ordinary_tier_of_service_is_served_in_no_other() -> None:
    tiers = [read(service_tier=asked).service_tier for asked in (None, "auto", "standard_only")]
    assert tiers == ["", "", "standard_only"]


def test_a_message_may_name_a_tool_and_not_bring_one() -> None:
    def added(tool: dict[str, Any]) -> bytes:
        block = {"type": "tool_addition", "tool": tool}
        return raw(tools=[OWN], messages=[{"role": "system", "content": [block]}])

    Messages().read_request(added({"type": "tool_reference", "tool_name": "look_up"}))
    brought = {"type": "tool_definition", "definition": OF_THE_PROVIDER[0][0]}
    assert refusal(added(brought)).param == "messages"
