"""`/v1/responses`: what decides it, what a gateway without a memory refuses, what is sent on."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects.dialect import AnswerMalformedError, RequestFacts
from services.relay.dialects.openai_responses import DECIDING, Responses
from services.relay.errors import RelayError
from shared.events.usage import Usage
from tests.unit.relay.json_texts import EXTRA_NAMES, VALUES

CALL = Responses()
IMAGE = "data:image/png;base64," + "A" * 5_000
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def text(**fields: Any) -> str:
    return json.dumps({"model": "m", "input": "hi", **fields})


def read(**fields: Any) -> tuple[RequestFacts, int]:
    body = text(**fields).encode()
    return CALL.read_request(body), len(body)


def refusal(body: str) -> RelayError:
    with pytest.raises(RelayError) as caught:
        CALL.read_request(body.encode())
    assert caught.value.http_status == 400
    return caught.value


def message(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("conversation", {"id": "conv_1"}),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
        ("store", True),
        ("store", "false"),
        ("context_management", [{"type": "compaction", "compact_threshold": 1000}]),
        ("service_tier", 7),
        ("store", 0),
        ("input", None),
        ("input", {}),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"role": "user", "content": "x"}, {"id": "msg_1"}]),
        ("input", [{"type": None, "id": "msg_1"}]),
        ("input", message({"type": "input_file", "file_id": "file-1"})),
        ("input", message({"type": "input_image", "file_id": "file-1"})),
        ("input", [{"type": "additional_tools", "tools": [{"type": "web_search"}]}]),
        (
            "input",
            [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}],
        ),
        ("model", ""),
        ("max_output_tokens", "5"),
        ("stream", 1),
    ],
)
def test_what_is_wrong_or_needs_a_memory_is_refused_by_name(name: str, value: Any) -> None:
    assert refusal(text(**{name: value})).param == name


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt", "background"])
@pytest.mark.parametrize("value", [None, False])
def test_nothing_is_no_memory(name: str, value: Any) -> None:
    if value is None or name == "background":
        read(**{name: value})


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "web_search_preview",
            "web_search_preview_2025_03_11",
            "file_search",
            "code_interpreter",
            "mcp",
            "shell",
        ),
        *("computer", "computer_use_preview", "image_generation", "tool_search", "namespace"),
        *("something_new", "Function", None, 7, ["function"], {"function": 1}),
    ],
)
def test_a_tool_that_the_provider_would_run_is_refused(kind: Any) -> None:
    assert refusal(text(tools=[FUNCTION, {"type": kind}])).param == "tools"


@pytest.mark.parametrize(
    "tools",
    [
        '[{"type":"function","type":"file_search"}]',
        '[{"type":"file_search","type":"function"}]',
        r'[{"type":"function","\u0074ype":"file_search"}]',
        '[{"type":"function","Type":"web_search"}]',
        '[{"Type":"function"}]',
        "[{}]",
        '["function"]',
        '{"type":"function"}',
        "7",
        "[" * 900 + "]" * 900,
    ],
)
def test_a_tool_that_can_be_read_in_two_ways_is_refused(tools: str) -> None:
    assert refusal(f'{{"model":"m","input":"x","tools":{tools}}}').param == "tools"


@pytest.mark.parametrize("tools", [None, [], [FUNCTION], [{"type": "custom", "name": "c"}]])
def test_tools_of_the_client_pass(tools: Any) -> None:
    read(tools=tools)


@pytest.mark.parametrize("kind", ["local_shell", "apply_patch"])
def test_what_the_provider_tells_of_a_tool_unseen_is_held(kind: str) -> None:
    facts, size = read(tools=[FUNCTION, {"type": kind}, {"type": kind}])
    assert facts.text_bytes == size + 2 * 1_024
    facts, size = read(tools=[FUNCTION])
    assert facts.text_bytes == size


def test_what_a_tools_parameters_say_is_its_own() -> None:
    huge = "1" * 5_000
    schema = '{"properties":{"type":{"type":"string"},"Type":{"enum":["web_search"]}},"max":1e3}'
    CALL.read_request(
        f'{{"model":"m","input":"x","tools":[{{"type":"function","name":"f","parameters":{schema},'
        f'"description":"{huge}"}}]}}'.encode()
    )


@pytest.mark.parametrize("name", sorted(DECIDING))
def test_a_deciding_field_occurs_once_and_in_lower_case(name: str) -> None:
    values = {"model": '"m"', "input": '"x"', "max_output_tokens": "1", "tools": "[]"}
    value = values.get(name, "null")
    once = {"model": '"m"', "input": '"x"', name: value}
    body = "{" + ",".join(f'"{key}":{each}' for key, each in once.items())
    CALL.read_request((body + "}").encode())
    for again in (name, f"\\u{ord(name[0]):04x}{name[1:]}"):
        assert refusal(f'{body},"{again}":{value}}}').param == name
    del once[name]
    others = "".join(f',"{key}":{each}' for key, each in once.items())
    assert refusal(f'{{"{name.title()}":{value}{others}}}').param == name


def test_media_are_counted_wherever_items_have_them() -> None:
    items = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": IMAGE},
                {"type": "input_image", "image_url": IMAGE},
                {"type": "input_image", "image_url": "https://example.org/x.png"},
                {"type": "input_audio", "input_audio": {"data": "B" * 900, "format": "wav"}},
                {"type": "input_file", "filename": "x.pdf", "file_data": "C" * 20_000},
            ],
        },
        {"type": "function_call_output", "output": [{"type": "input_image", "image_url": IMAGE}]},
        {
            "type": "computer_call_output",
            "output": {"type": "computer_screenshot", "image_url": IMAGE},
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "D" * 100},
    ]
    facts, size = read(input=items)
    assert facts.text_bytes == size - 3 * len(IMAGE) - 900 - 20_000
    assert facts.media_count == 5 + 100


def test_files_count_as_many_pages_as_a_request_may_have() -> None:
    """A tree of 100 pages fits into 7,136 bytes: a size says nothing of the pages."""
    distant = {"type": "input_file", "file_url": "https://example.org/x.pdf"}
    inline = {"type": "input_file", "filename": "x.pdf", "file_data": "C" * 7_136}
    for files in ([distant], [inline], [distant, inline, inline]):
        assert read(input=message(*files))[0].media_count == 100


def test_the_limit_is_the_requests_own() -> None:
    assert read(max_output_tokens=9)[0].max_output_tokens == 9
    assert read(max_output_tokens=None)[0].max_output_tokens is None
    assert read(stream=True)[0].is_stream


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ('{ "model":"m", "input":"x" }', '{"store":false, "model":"m", "input":"x" }'),
        ('{"model":"m","store": null ,"input":"x"}', '{"model":"m","store": false ,"input":"x"}'),
        ('{"model":"m","store":false,"input":"x"}', '{"model":"m","store":false,"input":"x"}'),
        (
            r'{"model":"m","\u0073tore":null,"input":"x"}',
            r'{"model":"m","\u0073tore":false,"input":"x"}',
        ),
        (
            '{"model":"m","input":"x","metadata":{"store":"y"}}',
            '{"store":false,"model":"m","input":"x","metadata":{"store":"y"}}',
        ),
    ],
)
def test_the_provider_is_told_not_to_store(body: str, sent: str) -> None:
    facts = CALL.read_request(body.encode())
    assert CALL.upstream_body(body.encode(), facts, model="m").decode() == sent
    mapped = CALL.upstream_body(body.encode(), facts, model="other").decode()
    assert mapped == sent.replace('"model":"m"', '"model":"other"')
    again = CALL.read_request(mapped.encode())
    assert CALL.upstream_body(mapped.encode(), again, model="other").decode() == mapped


@given(st.dictionaries(EXTRA_NAMES, VALUES, max_size=4))
def test_every_other_byte_stays(extras: dict[str, str]) -> None:
    rest = "".join(f", {name} : {value}" for name, value in extras.items())
    body = f'{{"model":"m","input":"x"{rest}}}'
    facts = CALL.read_request(body.encode())
    sent = CALL.upstream_body(body.encode(), facts, model="m").decode()
    assert sent == '{"store":false,' + body[1:]


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("model", "input", "tools", "store", "stream", "prompt"), VALUES),
    ),
    VALUES,
)
def test_any_json_is_read_or_refused(fields: dict[str, str], content: str) -> None:
    fields = {"model": '"m"', "input": f'[{{"role":"user","content":[{content}]}}]', **fields}
    body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    try:
        facts = CALL.read_request(body.encode())
    except RelayError as error:
        assert error.http_status == 400  # noqa: PT017 - either is right; nothing else is
    else:
        assert 0 <= facts.text_bytes <= len(body.encode())
        CALL.read_request(CALL.upstream_body(body.encode(), facts, model="other"))


def test_what_an_answer_tells() -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 50},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "héllo"}]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "name": "c", "input": "abc"},
    ]
    body = {"status": "completed", "output": output, "usage": usage}
    facts = CALL.read_answer(json.dumps(body).encode())
    assert facts.content_bytes == 2 + 6 + 3 + 4
    assert not facts.has_error
    assert facts.usage == Usage(
        prompt_tokens=9,
        completion_tokens=7,
        cached_tokens=3,
        cache_creation_tokens=6,
        reasoning_tokens=2,
    )


def test_a_response_that_failed_is_an_error_and_costs_nothing_untold() -> None:
    facts = CALL.read_answer(b'{"status":"failed","output":[],"usage":null,"error":{}}')
    assert (facts.has_error, facts.usage, facts.content_bytes) == (True, None, 0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"<html>"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(AnswerMalformedError):
        CALL.read_answer(body)


@given(VALUES, VALUES)
def test_any_json_object_is_an_answer(output: str, usage: str) -> None:
    for body in (
        f'{{"output":{output},"usage":{usage}}}',
        f'{{"output":[{{"content":{output}}}],"usage":{usage}}}',
    ):
        assert CALL.read_answer(body.encode()).content_bytes >= 0
