"""What cannot be read in one way only is answered 400; nothing else is ever raised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects.openai_options import upstream_body
from services.relay.dialects.openai_request import DECIDING, read_chat_request
from services.relay.errors import RelayError
from tests.unit.relay.json_texts import VALUES

BASE = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ODD_CASES = {
    "model": ["MODEL", "Model", "mOdel"],
    "stream": ["Stream", "STREAM", "ſtream", r"\u017ftream", r"\u0053tream"],
    "stream_options": ["Stream_Options", "ſtream_options"],
    "n": ["N"],
    "best_of": ["Best_Of", "beſt_of"],
    "max_tokens": ["Max_Tokens", "max_to\u212aens", "MAX_TOKENS"],
    "max_completion_tokens": ["maX_completion_tokens"],
    "messages": ["Messages"],
    "web_search_options": ["Web_Search_Options"],
    "tools": ["Tools"],
    "store": ["Store", "ſtore"],
    "service_tier": ["Service_Tier"],
}
VALID = {"model": '"m"', "messages": "[]", "stream": "true", "stream_options": "{}"}
VALID |= {"web_search_options": "null", "tools": "[]", "store": "false"}
VALID["service_tier"] = '"auto"'


def refusal(body: str | bytes) -> RelayError:
    with pytest.raises(RelayError) as caught:
        read_chat_request(body if isinstance(body, bytes) else body.encode())
    assert caught.value.http_status == 400
    return caught.value


def with_fields(**fields: Any) -> str:
    return json.dumps({**BASE, **fields})


def test_a_body_of_nothing_but_brackets_is_refused_before_it_is_parsed() -> None:
    """Parsing it would hold up every other request for seconds."""
    body = b'{"model":"m","messages":[' + b"[]," * 1_000_000 + b"1]}"
    assert "values" in refusal(body).message
    read_chat_request(b'{"model":"m","messages":["' + b"x" * 4_000_000 + b'"]}')


def test_every_deciding_field_has_its_odd_spellings_here() -> None:
    assert set(ODD_CASES) == DECIDING


@pytest.mark.parametrize("name", sorted(DECIDING))
def test_a_deciding_field_may_occur_once(name: str) -> None:
    value = VALID.get(name, "1")
    once = {**VALID, name: value}
    body = "{" + ",".join(f'"{key}":{text}' for key, text in once.items())
    read_chat_request((body + "}").encode())
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    for again in (name, escaped):
        error = refusal(f'{body},"{again}":{value}}}')
        assert error.param == name
        refusal(f'{{"{again}":{value},{body[1:]}}}')


@pytest.mark.parametrize(("name", "odd"), [(n, o) for n, odds in ODD_CASES.items() for o in odds])
def test_a_deciding_field_in_another_case_is_refused(name: str, odd: str) -> None:
    """A reader in Go would take it for the field; ours would not have."""
    error = refusal(f'{{"model":"m","messages":[],"{odd}":{VALID.get(name, "1")}}}')
    assert error.param == name


@pytest.mark.parametrize(
    "options",
    [
        '{"include_usage":true,"include_usage":false}',
        r'{"include_usage":true,"\u0069nclude_usage":false}',
        '{"Include_Usage":false}',
        '{"include_usage":1}',
        '{"include_usage":"true"}',
        "[]",
        "true",
    ],
)
def test_stream_options_that_could_turn_usage_off_are_refused(options: str) -> None:
    refusal(f'{{"model":"m","messages":[],"stream":true,"stream_options":{options}}}')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 1),
        ("model", ""),
        ("model", None),
        ("model", ["m"]),
        ("stream", 1),
        ("stream", "true"),
        ("n", 0),
        ("n", 1.0),
        ("n", True),
        ("n", "2"),
        ("n", 1025),
        ("best_of", 10**6),
        ("max_tokens", -1),
        ("max_tokens", 1.5),
        ("max_tokens", 10**9 + 1),
        ("max_tokens", 10**40),
        ("max_completion_tokens", "5"),
        ("max_completion_tokens", False),
        ("messages", {}),
        ("messages", None),
        ("web_search_options", {}),
        ("store", True),
        ("store", "false"),
        ("service_tier", ""),
        ("service_tier", ["auto"]),
        ("tools", [{"type": "web_search"}]),
        ("tools", [{"type": "function"}, {"type": "mcp"}]),
        ("tools", [{"type": "local_shell"}]),
        ("tools", [{"name": "x"}]),
    ],
)
def test_a_wrong_type_is_named(name: str, value: Any) -> None:
    assert refusal(with_fields(**{name: value})).param in {name, "n"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"model"',
        b"{",
        b'{"model":"m","messages":[]',
        b'{"model":"m","messages":[]}{}',
        b'{"model":"m","messages":[],"x":NaN}',
        b'{"model":"m","messages":[],"x":Infinity}',
        b'{"model":"m","messages":[],"x":1e999}',
        b'{"model":"m","messages":[],"x":"\xff"}',
        b'{"model":"m","messages":[],"x":"\xed\xa0\x80"}',
        rb'{"model":"m","messages":[],"x":"\ud800"}',
        rb'{"model":"\udc00","messages":[]}',
        b'{"model":"m","messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"[" * 100_000,
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    refusal(body)


def test_a_model_name_of_a_megabyte_is_read() -> None:
    """It is no configured model: admission refuses it, and no event holds it."""
    facts = read_chat_request(with_fields(model="m" * 1_000_000).encode())
    assert len(facts.model) == 1_000_000


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("messages[].audio.id", {"role": "assistant", "audio": {"id": "audio_1"}}),
        ("file_id", {"content": [{"type": "file", "file": {"file_id": "file-1"}}]}),
    ],
)
def test_a_message_may_not_refer_to_what_a_provider_kept(
    param: str, message: dict[str, Any]
) -> None:
    error = refusal(with_fields(messages=[message]))
    assert error.param == param
    assert f"`{param}`" in error.message


@pytest.mark.parametrize(
    "fields",
    [
        {"store": False},
        {"store": None},
        {"tools": None},
        {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}]},
        {"messages": [{"role": "assistant", "audio": None, "content": [{"file": {}}]}]},
    ],
)
def test_asking_for_nothing_kept_or_dearer_passes(fields: dict[str, Any]) -> None:
    read_chat_request(with_fields(**fields).encode())


@pytest.mark.parametrize(
    ("asked", "tier"),
    [(None, ""), ("auto", ""), *((name, name) for name in ("default", "flex", "priority"))],
)
def test_the_tier_of_service_is_for_the_price_to_offer(asked: str | None, tier: str) -> None:
    assert read_chat_request(with_fields(service_tier=asked).encode()).service_tier == tier


@pytest.mark.parametrize("kind", [[], {}, None, 7, "text", ["image_url"]])
def test_a_part_of_an_odd_type_is_no_medium(kind: Any) -> None:
    facts = read_chat_request(with_fields(messages=[{"content": [{"type": kind}]}]).encode())
    assert facts.media_count == 0


def _reads_or_refuses(body: bytes) -> None:
    try:
        facts = read_chat_request(body)
    except RelayError as error:
        status = error.http_status
    else:
        status = 400
        assert 0 <= facts.text_bytes <= len(body)
        read_chat_request(upstream_body(body, facts, model="other"))
    assert status == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    _reads_or_refuses(body)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("model", "stream", "stream_options", "n", "messages", "x"), VALUES),
    ),
    VALUES,
)
def test_any_json_is_read_or_refused(fields: dict[str, str], content: str) -> None:
    fields = {"model": '"m"', "messages": f'[{{"content":[{content}]}},{content}]', **fields}
    body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    _reads_or_refuses(body.encode())


@given(st.data())
def test_a_damaged_request_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(
        b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"n":2,'
        b'"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}'
    )
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _reads_or_refuses(bytes(body))
