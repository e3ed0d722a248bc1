"""Completions, embeddings and moderations: what decides them, and what is sent on."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects import openai_completions, openai_embeddings, openai_moderations
from services.relay.dialects.dialect import AnswerMalformedError, Call, RequestFacts
from services.relay.dialects.openai_completions import Completions
from services.relay.dialects.openai_embeddings import Embeddings
from services.relay.dialects.openai_moderations import Moderations
from services.relay.errors import RelayError
from shared.events.usage import Usage
from tests.unit.relay.json_texts import VALUES

COMPLETIONS, EMBEDDINGS, MODERATIONS = Completions(), Embeddings(), Moderations()
IMAGE = "data:image/png;base64," + "A" * 5_000
CALLS: list[tuple[Call, frozenset[str], dict[str, Any]]] = [
    (COMPLETIONS, openai_completions.DECIDING, {"model": "m", "prompt": "hi"}),
    (EMBEDDINGS, openai_embeddings.DECIDING, {"model": "m", "input": "hi"}),
    (MODERATIONS, openai_moderations.DECIDING, {"model": "m", "input": "hi"}),
]
DECIDING = [(call, name, base) for call, names, base in CALLS for name in sorted(names)]


def read(call: Call, **fields: Any) -> tuple[RequestFacts, int]:
    body = json.dumps(fields).encode()
    return call.read_request(body), len(body)


def refusal(call: Call, body: str) -> RelayError:
    with pytest.raises(RelayError) as caught:
        call.read_request(body.encode())
    assert caught.value.http_status == 400
    return caught.value


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({}, 1),
        ({"prompt": None}, 1),
        ({"prompt": "one"}, 1),
        ({"prompt": ["one", "two", ""]}, 3),
        ({"prompt": [7, 8, 9]}, 1),
        ({"prompt": [[7, 8], [9]]}, 2),
        ({"prompt": ["one", "two"], "n": 3}, 6),
        ({"prompt": ["one", "two"], "n": 2, "best_of": 5}, 10),
    ],
)
def test_each_prompt_has_as_many_answers_as_may_be_charged(
    fields: dict[str, Any], answers: int
) -> None:
    facts, size = read(COMPLETIONS, model="m", **fields)
    assert facts.answers == answers
    assert (facts.text_bytes, facts.max_output_tokens) == (size, None)


@pytest.mark.parametrize("call", [COMPLETIONS, EMBEDDINGS])
@pytest.mark.parametrize(
    "odd",
    [
        *([], {}, 7, True, [[]], ["one", 2], [1, "two"], [[1], []], [[1], ["x"]], [True, False]),
        *([1.5], [None], [{}], [["x"]]),
    ],
)
def test_what_is_no_prompt_is_refused(call: Call, odd: Any) -> None:
    name = "prompt" if call is COMPLETIONS else "input"
    assert refusal(call, json.dumps({"model": "m", name: odd})).param == name


@pytest.mark.parametrize("tokens", [[0, 1, 2], [[0] * 50] * 3, ["x"] * 30])
def test_an_input_never_has_more_tokens_than_the_body_has_bytes(tokens: Any) -> None:
    facts, size = read(EMBEDDINGS, model="m", input=tokens)
    assert facts.text_bytes == size
    assert facts.text_bytes >= sum(len(each) if isinstance(each, list) else 1 for each in tokens)
    assert (facts.answers, facts.max_output_tokens, facts.is_stream) == (1, 0, False)


@pytest.mark.parametrize("model", [{}, {"model": None}])
def test_a_moderation_without_a_model_has_openais_default_and_stays_as_it_is(
    model: dict[str, Any],
) -> None:
    body = json.dumps({**model, "input": "hi"}).encode()
    facts = MODERATIONS.read_request(body)
    assert facts.model == "omni-moderation-latest"
    assert MODERATIONS.upstream_body(body, facts, model=facts.model) is body
    mapped = json.loads(MODERATIONS.upstream_body(body, facts, model="other"))
    assert mapped == {"model": "other", "input": "hi"}


def test_images_to_moderate_are_media() -> None:
    parts = [
        {"type": "text", "text": "hi"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
    ]
    facts, size = read(MODERATIONS, input=parts)
    assert (facts.media_count, facts.text_bytes) == (2, size - len(IMAGE))


@pytest.mark.parametrize(("call", "name", "base"), DECIDING)
def test_a_deciding_field_occurs_once_and_in_lower_case(
    call: Call, name: str, base: dict[str, Any]
) -> None:
    values: dict[str, Any] = {"stream": True, "stream_options": {}, **base}
    value = json.dumps(values.get(name, 1))
    once = {key: json.dumps(text) for key, text in base.items()} | {name: value}
    body = "{" + ",".join(f'"{key}":{text}' for key, text in once.items())
    call.read_request((body + "}").encode())
    for again in (name, f"\\u{ord(name[0]):04x}{name[1:]}"):
        assert refusal(call, f'{body},"{again}":{value}}}').param == name
    del once[name]
    others = "".join(f',"{key}":{text}' for key, text in once.items())
    assert refusal(call, f'{{"{name.upper()}":{value}{others}}}').param == name


@pytest.mark.parametrize(
    "fields",
    [
        {"model": ""},
        {"model": 7},
        {"stream": 1},
        {"n": 0},
        {"best_of": 2000},
        {"max_tokens": "5"},
        {"stream_options": {"include_usage": 1}},
    ],
)
def test_a_completion_with_a_wrong_type_is_refused(fields: dict[str, Any]) -> None:
    refusal(COMPLETIONS, json.dumps({"model": "m", "prompt": "x", **fields}))


@pytest.mark.parametrize("call", [COMPLETIONS, EMBEDDINGS, MODERATIONS])
def test_only_the_models_bytes_change(call: Call) -> None:
    body = b'{ "x":1.50, "prompt":"\\u00e9","input":[ 7,8 ], "model" : "a", "y":{"model":"a"}}'
    facts = call.read_request(body)
    assert call.upstream_body(body, facts, model="a") == body
    assert call.upstream_body(body, facts, model="b/c") == body.replace(
        b'"model" : "a"', b'"model" : "b/c"'
    )


def test_the_usage_of_a_streamed_completion_is_asked_for() -> None:
    body = b'{"model":"m","prompt":"x","stream":true}'
    facts = COMPLETIONS.read_request(body)
    asked = COMPLETIONS.upstream_body(body, facts, model="m")
    assert asked == b'{"stream_options":{"include_usage":true},' + body[1:]


def test_what_an_answer_tells() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    text = {"choices": [{"text": "héllo"}, {"text": "you"}, {}], "usage": usage}
    facts = COMPLETIONS.read_answer(json.dumps(text).encode())
    assert (facts.usage, facts.content_bytes) == (Usage(prompt_tokens=5, completion_tokens=7), 9)
    vectors = {"data": [{"embedding": "AAAA"}], "usage": {"prompt_tokens": "5", "total_tokens": 5}}
    facts = EMBEDDINGS.read_answer(json.dumps(vectors).encode())
    assert (facts.usage, facts.content_bytes) == (Usage(prompt_tokens=5), 0)
    for spoilt in ({"prompt_tokens": -5}, {}, None, 7):
        assert EMBEDDINGS.read_answer(json.dumps({"usage": spoilt}).encode()).usage is None
    assert MODERATIONS.read_answer(b'{"results":[]}') == (None, 0, False)


@pytest.mark.parametrize("call", [COMPLETIONS, EMBEDDINGS, MODERATIONS])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"<html>"])
def test_what_is_no_answer_is_malformed(call: Call, body: bytes) -> None:
    with pytest.raises(AnswerMalformedError):
        call.read_answer(body)


@given(
    st.sampled_from([COMPLETIONS, EMBEDDINGS, MODERATIONS]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("model", "prompt", "input", "n"), VALUES)),
)
def test_any_json_is_read_or_refused(call: Call, fields: dict[str, str]) -> None:
    body = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    try:
        facts = call.read_request(body.encode())
    except RelayError as error:
        assert error.http_status == 400  # noqa: PT017 - either is right; nothing else is
    else:
        assert 0 <= facts.text_bytes <= len(body.encode())
        call.read_request(call.upstream_body(body.encode(), facts, model="other"))
