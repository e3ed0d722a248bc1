"""How a request says how often the provider may search, and what is written where it does not."""

import json
from typing import Any

import pytest
from anthropic.types import ToolUnionParam
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ToolParam
from pydantic import TypeAdapter

from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.openai_responses import Responses
from services.relay.errors import RelayError
from tests.unit.relay.json_texts import EXTRA_NAMES, SPACE, VALUES, member

CLAUDES: TypeAdapter[Any] = TypeAdapter(ToolUnionParam)
OPENAIS: TypeAdapter[Any] = TypeAdapter(ToolParam)
OWN = {"name": "look_up", "input_schema": {"type": "object"}}


def search(dated: str = "20250305", **more: Any) -> dict[str, Any]:
    return {"type": f"web_search_{dated}", "name": "web_search", **more}


def claude(*tools: Any) -> RequestFacts:
    body = {"model": "m", "max_tokens": 5, "messages": [], "tools": tools}
    return Messages().read_request(json.dumps(body).encode())


def openai(**fields: Any) -> RequestFacts:
    body = {"model": "m", "input": "x", "tools": [{"type": "web_search"}], **fields}
    return Responses().read_request(json.dumps(body).encode())


def calls(read: RequestFacts) -> int:
    assert read.hosted is not None
    ((tool, count),) = read.hosted.calls
    assert tool == "web_search"
    return count


# --- Anthropic ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tools", "count", "needs_bound"),
    [
        ([search(max_uses=3)], 3, False),
        ([search(max_uses=3, allowed_callers=["direct"])], 3, False),
        ([search("20260209", max_uses=2, allowed_callers=["direct"])], 2, False),
        ([search("20260318", max_uses=2, allowed_callers=["direct"])], 2, False),
        ([OWN, search()], 5, True),
        ([search(max_uses=None)], 5, True),
        ([search(max_uses=3), search()], 8, True),
    ],
)
def test_max_uses_says_how_often(tools: list[Any], count: int, *, needs_bound: bool) -> None:
    for tool in tools:
        CLAUDES.validate_python(tool)
    read = claude(*tools)
    assert calls(read) == count
    assert read.hosted is not None
    assert read.hosted.needs_bound is needs_bound


def test_tools_that_the_client_runs_are_no_search() -> None:
    assert claude(OWN, {**OWN, "type": "custom"}).hosted is None
    assert openai(tools=[{"type": "function", "name": "f"}], max_tool_calls=3).hosted is None
    assert openai(tools=None, max_tool_calls="odd").hosted is None


@pytest.mark.parametrize(
    "tool",
    [
        *(json.dumps(search(max_uses=odd)) for odd in (0, -1, 1.5, "3", True, [3], 10**10)),
        '{"type":"web_search_20250305","max_uses":1,"max_uses":99}',
        '{"type":"web_search_20250305","Max_Uses":99}',
        r'{"type":"web_search_20250305","max_uses":1,"m\u0061x_uses":99}',
        '{"type":"web_search_20250305","max_u\u017fes":99}',
        # These may run code at the provider.
        json.dumps(search("20260209", max_uses=1)),
        json.dumps(search("20260318", max_uses=1)),
        json.dumps(search(max_uses=1, allowed_callers=["code_execution_20250825"])),
        json.dumps(search("20260209", max_uses=1, allowed_callers=["direct", "x"])),
        json.dumps(search("20260209", max_uses=1, allowed_callers=[])),
        '{"type":"web_search_20260209","allowed_callers":["direct"],"allowed_callers":["x"]}',
        *('{"type":"web_search"}', '{"type":"web_search_2025"}', '{"type":"web_search_20250305x"}'),
    ],
)
def test_a_search_without_one_sound_bound_is_refused(tool: str) -> None:
    for call in (Messages(), CountTokens()):
        with pytest.raises(RelayError) as caught:
            call.read_request(f'{{"model":"m","messages":[],"tools":[{tool}]}}'.encode())
        assert caught.value.http_status == 400
        assert caught.value.param in {"tools", "max_uses"}


@given(extras=st.lists(member(EXTRA_NAMES, VALUES), max_size=2), space=SPACE, is_null=st.booleans())
def test_a_search_that_names_none_gets_its_bound_and_every_other_byte_stays(
    *, extras: list[str], space: str, is_null: bool
) -> None:
    more = "".join(f",{each}" for each in extras)
    said = f'{{"messages":["é {{"]{more},"tools":{space}[{space}{{"name":"ü"}},'
    named = f'{{"type":"web_search_20250305","max_uses":2{more}}}'
    rest = f'{space}]{space},"model":"m"}}'
    if is_null:
        bare = f'{{"type":"web_search_20250305","max_uses":{space}null{space}{more}}}'
        bounded = bare.replace("null", "5", 1)
    else:
        bare = f'{{{space}"type":"web_search_20250305"{more}}}'
        bounded = '{"max_uses":5,' + bare[1:]
    body = f"{said}{named},{bare}{rest}".encode()
    facts = Messages().read_request(body)
    sent = Messages().upstream_body(body, facts, model="m").decode()
    assert sent == f"{said}{named},{bounded}{rest}"
    mapped = Messages().upstream_body(body, facts, model="other").decode()
    assert mapped == f'{said}{named},{bounded}{rest[: -len("m}") - 2]}"other"}}'
    again = Messages().read_request(sent.encode())
    assert calls(again) == calls(facts) == 7
    assert again.hosted is not None
    assert not again.hosted.needs_bound


def test_a_search_that_names_one_is_sent_as_it_is() -> None:
    body = b'{ "model":"m","messages":[],"tools":[ {"type":"web_search_20250305","max_uses":2} ]}'
    assert Messages().upstream_body(body, Messages().read_request(body), model="m") is body


# --- OpenAI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["web_search", "web_search_2025_08_26"])
def test_max_tool_calls_says_how_often(kind: str) -> None:
    tool = {"type": kind, "search_context_size": "low"}
    OPENAIS.validate_python(tool)
    assert calls(openai(tools=[tool], max_tool_calls=3)) == 3
    assert calls(openai(tools=[tool])) == calls(openai(tools=[tool], max_tool_calls=None)) == 5


@pytest.mark.parametrize("odd", [0, -1, 1.5, "3", True, [3], 10**10])
def test_a_number_of_calls_that_cannot_be_is_refused(odd: Any) -> None:
    with pytest.raises(RelayError) as caught:
        openai(max_tool_calls=odd)
    assert (caught.value.http_status, caught.value.param) == (400, "max_tool_calls")


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("", '"max_tool_calls":5,'),
        ('"max_tool_calls": null ,', '"max_tool_calls": 5 ,'),
        (r'"max_tool_c\u0061lls":null,', r'"max_tool_c\u0061lls":5,'),
        ('"max_tool_calls": 7,', '"max_tool_calls": 7,'),
        (
            '"metadata":{"max_tool_calls":"9"},',
            '"max_tool_calls":5,"metadata":{"max_tool_calls":"9"},',
        ),
    ],
)
def test_a_response_that_names_no_number_gets_one(said: str, sent: str) -> None:
    rest = '"model":"m","input":"x","tools":[{"type":"web_search"}]}'
    body = f"{{{said}{rest}".encode()
    facts = Responses().read_request(body)
    assert Responses().upstream_body(body, facts, model="m").decode() == (
        f'{{"store":false,{sent}{rest}'
    )
