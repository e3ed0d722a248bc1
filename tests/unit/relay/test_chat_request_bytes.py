"""Only the bytes that must change are changed: everything else stays as the client wrote it."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.dialects.json_fields import top_level_fields
from services.relay.dialects.openai_options import upstream_body
from services.relay.dialects.openai_request import read_chat_request
from tests.unit.relay.json_texts import EXTRA_NAMES, SPACE, VALUES, member

EXTRAS = st.lists(member(EXTRA_NAMES, VALUES), max_size=3)
MODEL_SPELLINGS = st.sampled_from(['"gpt-4"', r'"gpt\u002d4"', r'"\u0067pt-4"'])
MODEL_NAMES = st.sampled_from(['"model"', r'"\u006dodel"', r'"mode\u006C"'])
MESSAGES = '"messages": [{"role":"user","content":"hé \\u00e9 \\"model\\":1"}]'
OPTIONS = [
    ("null", '{"include_usage":true}'),
    ("{}", '{"include_usage":true}'),
    ("{ }", '{"include_usage":true}'),
    ('{"include_usage" : false}', '{"include_usage" : true}'),
    ('{"include_usage": null , "z":1.0}', '{"include_usage": true , "z":1.0}'),
    ('{"z": 1e2}', '{"include_usage":true,"z": 1e2}'),
    ('{"z":{"include_usage":1}}', '{"include_usage":true,"z":{"include_usage":1}}'),
]


def changed(body: str, model: str) -> str:
    raw = body.encode()
    return upstream_body(raw, read_chat_request(raw), model=model).decode()


@given(EXTRAS, EXTRAS, MODEL_NAMES, MODEL_SPELLINGS, SPACE)
def test_a_mapped_model_changes_the_bytes_of_its_value_only(
    before: list[str], after: list[str], name: str, spelled: str, space: str
) -> None:
    head = "{" + "".join(part + "," for part in before) + f"{MESSAGES},{name}{space}:{space}"
    tail = space + "".join("," + part for part in after) + "}" + space
    assert changed(head + spelled + tail, 'up/"é') == head + '"up/\\"é"' + tail
    assert changed(head + spelled + tail, "gpt-4") == head + spelled + tail


@given(EXTRAS, EXTRAS, st.sampled_from(OPTIONS), SPACE)
def test_asking_for_usage_changes_the_stream_options_only(
    before: list[str], after: list[str], options: tuple[str, str], space: str
) -> None:
    head = "{" + "".join(part + "," for part in before)
    head += f'{MESSAGES},"stream":true,"model":"gpt-4","stream_options"{space}:{space}'
    tail = space + "".join("," + part for part in after) + "}"
    asked = changed(head + options[0] + tail, "gpt-4")
    assert asked == head + options[1] + tail
    assert orjson.loads(asked)["stream_options"]["include_usage"] is True


@given(EXTRAS, SPACE)
def test_options_that_are_missing_are_put_first(extras: list[str], space: str) -> None:
    rest = ",".join([f'{MESSAGES},"stream":true,"model":"gpt-4"', *extras]) + "}"
    asked = changed(space + "{" + rest, "gpt-4")
    assert asked == space + '{"stream_options":{"include_usage":true},' + rest
    assert orjson.loads(asked)["stream_options"] == {"include_usage": True}


def test_model_and_options_change_at_once_in_either_order() -> None:
    first = f'{{"model":"a", "stream_options": {{}},{MESSAGES},"stream":true}}'
    last = f'{{"stream":true,"stream_options":null,{MESSAGES}, "model" :"a"}}'
    assert changed(first, "bb") == first.replace('"a"', '"bb"').replace(
        "{}", '{"include_usage":true}'
    )
    assert changed(last, "bb") == last.replace('"a"', '"bb"').replace(
        "null", '{"include_usage":true}'
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"stream": False}, {"stream": True, "stream_options": {"include_usage": True}}],
)
def test_a_body_that_needs_no_change_is_passed_as_it_is(fields: dict[str, Any]) -> None:
    body = json.dumps({"model": "m", "messages": [], **fields}, indent=3).encode()
    assert upstream_body(body, read_chat_request(body), model="m") is body


def test_options_too_deep_for_orjson_to_write_are_passed_on() -> None:
    """orjson reads 1,024 levels and writes 254: what was read must not be written by it."""
    deep = "[" * 400 + "]" * 400
    body = f'{{"model":"m",{MESSAGES},"stream":true,"stream_options":{{"z":{deep}}}}}'
    assert changed(body, "m") == body.replace('{"z"', '{"include_usage":true,"z"')


@given(st.lists(member(EXTRA_NAMES, VALUES), min_size=1, max_size=5), SPACE)
def test_every_top_level_field_is_found_with_its_exact_value(parts: list[str], space: str) -> None:
    body = (space + "{" + ",".join(parts) + "}" + space).encode()
    fields = list(top_level_fields(body))
    assert len(fields) == len(parts)
    values = {field.name: orjson.loads(body[field.start : field.end]) for field in fields}
    assert values == orjson.loads(body)
    for field in fields:
        value = body[field.start : field.end]
        assert value == value.strip(b" \t\r\n")
