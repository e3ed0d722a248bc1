"""The facts of an Anthropic request, and the bytes that are sent on."""

import json
from typing import Any

import pytest

from services.relay.dialects.anthropic_media import MAX_PAGES
from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.anthropic_request import DECIDING
from services.relay.dialects.dialect import RequestFacts
from services.relay.errors import RelayError

MESSAGES = Messages()
HELLO = [{"role": "user", "content": "hello"}]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "claude", "messages": HELLO, **fields}).encode()


def read(**fields: Any) -> RequestFacts:
    return MESSAGES.read_request(body(**fields))


def read_blocks(*blocks: Any) -> tuple[RequestFacts, int]:
    raw = body(messages=[{"role": "user", "content": list(blocks)}])
    return MESSAGES.read_request(raw), len(raw)


def base64(data: str, media_type: str = "image/png") -> dict[str, str]:
    return {"type": "base64", "media_type": media_type, "data": data}


def image(source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


def document(source: Any) -> dict[str, Any]:
    return {"type": "document", "source": source}


def test_what_decides_is_read() -> None:
    facts = read(max_tokens=5, stream=True, thinking={"type": "enabled", "budget_tokens": 1024})
    assert facts == RequestFacts(
        model="claude",
        is_stream=True,
        wants_usage=True,
        answers=1,
        max_output_tokens=5,
        text_bytes=len(
            body(max_tokens=5, stream=True, thinking={"type": "enabled", "budget_tokens": 1024})
        ),
        media_count=0,
    )


def test_without_a_limit_the_models_own_holds() -> None:
    assert read().max_output_tokens is None
    assert read(max_tokens=0).max_output_tokens == 0


def test_counting_tokens_is_free_and_never_a_stream() -> None:
    facts = CountTokens().read_request(body(stream=True))
    assert facts.is_free
    assert not facts.is_stream


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": ""},
        {"messages": "hello"},
        {"stream": "yes"},
        {"stream": 1},
        {"max_tokens": "5"},
        {"max_tokens": -1},
        {"max_tokens": 1.5},
        {"max_tokens": True},
        {"Max_Tokens": 5},
        {"MODEL": "claude"},
        {"Stream": True},
    ],
)
def test_a_deciding_field_that_is_wrong_or_odd_is_400(fields: dict[str, Any]) -> None:
    with pytest.raises(RelayError) as caught:
        read(**fields)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("name", sorted(DECIDING))
@pytest.mark.parametrize("spelled", ["{}", "\\u00{:x}"])
def test_a_deciding_field_that_is_there_twice_is_400(name: str, spelled: str) -> None:
    again = spelled.format(name) if spelled == "{}" else spelled.format(ord(name[0])) + name[1:]
    raw = body(max_tokens=5, stream=False)[:-1] + f', "{again}": 1}}'.encode()
    with pytest.raises(RelayError) as caught:
        MESSAGES.read_request(raw)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("raw", [b"", b"[]", b'"text"', b"{", b"\xff"])
def test_what_is_no_object_is_400(raw: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        MESSAGES.read_request(raw)
    assert caught.value.http_status == 400


def test_an_inline_image_counts_as_a_medium_and_not_as_text() -> None:
    facts, size = read_blocks(image(base64("A" * 5000)), {"type": "text", "text": "what is it"})
    assert (facts.media_count, facts.text_bytes) == (1, size - 5000)
    facts, size = read_blocks(image({"type": "url", "url": "https://example.com/a.png"}))
    assert (facts.media_count, facts.text_bytes) == (1, size)


def test_media_inside_of_results_and_documents_are_found() -> None:
    fetched = {"type": "web_fetch_result", "content": document(base64("A" * 100))}
    blocks = [
        {"type": "tool_result", "tool_use_id": "t", "content": [image(base64("A" * 100))]},
        {"type": "web_fetch_tool_result", "tool_use_id": "t", "content": fetched},
        document({"type": "content", "content": [image(base64("A" * 100))]}),
    ]
    facts, size = read_blocks(*blocks)
    assert (facts.media_count, facts.text_bytes) == (2 + MAX_PAGES, size - 300)


def test_what_only_looks_like_a_medium_is_text() -> None:
    """Its bytes would be left out of the hold, and the provider would count them."""
    told = image(base64("A" * 1000))
    plain = {"type": "text", "media_type": "text/plain", "data": "A" * 1000}
    blocks = [
        {"type": "tool_use", "id": "t", "name": "draw", "input": told},
        {"type": "text", "text": "x", "data": "A" * 1000, "source": base64("A" * 1000)},
        document(plain),
    ]
    facts, size = read_blocks(*blocks)
    assert (facts.media_count, facts.text_bytes) == (0, size)
    facts, size = read_blocks(image(plain), image(base64("é" * 10)), image("A" * 100), image(None))
    assert (facts.media_count, facts.text_bytes) == (4, size)


@pytest.mark.parametrize("sizes", [[1], [7_136], [8192 * 3, 5], [8192 * 500]])
def test_documents_of_any_size_count_as_many_pages_as_a_context_can_have(sizes: list[int]) -> None:
    """A tree of 100 pages fits into 7,136 bytes: a size says nothing of the pages."""
    facts, _ = read_blocks(*(document(base64("A" * size, "application/pdf")) for size in sizes))
    assert facts.media_count == MAX_PAGES


def test_an_estimate_takes_documents_for_as_many_pages_as_their_size_makes_likely() -> None:
    pdfs = [document(base64("A" * size, "application/pdf")) for size in (1, 8192 * 3)]
    url = document({"type": "url", "url": "https://example.com/a.pdf"})
    facts, _ = read_blocks(*pdfs, url, image(base64("A")))
    assert facts.likely_media_count == 1 + 3 + 1 + 1
    huge = document(base64("A" * 8192 * 500, "application/pdf"))
    assert read_blocks(huge)[0].likely_media_count == MAX_PAGES


def test_a_document_from_elsewhere_counts_as_much_as_can_be() -> None:
    url = {"type": "url", "url": "https://example.com/a.pdf"}
    file = {"type": "file", "file_id": "file_1"}
    facts, _ = read_blocks(document(url), document(file), image(file))
    assert facts.media_count == MAX_PAGES + 1


def test_nothing_is_too_deep_or_too_odd_to_be_read() -> None:
    deep: Any = image(base64("A"))
    for _ in range(50):
        deep = {"type": "tool_result", "content": [deep]}
    odd: list[Any] = [None, 1, "text", [], {}, {"type": []}, {"type": "document"}]
    facts, _ = read_blocks(deep, *odd)
    assert facts.media_count == MAX_PAGES


def test_only_the_models_bytes_change() -> None:
    raw = b'{ "max_tokens":1e2 , "model" : "claude" ,"messages":[],"metadata":{"model":"x"}}'
    raw = raw.replace(b"1e2", b"100")
    facts = MESSAGES.read_request(raw)
    assert MESSAGES.upstream_body(raw, facts, model="claude") is raw
    changed = MESSAGES.upstream_body(raw, facts, model="other")
    assert changed == raw.replace(b'"claude"', b'"other"')
