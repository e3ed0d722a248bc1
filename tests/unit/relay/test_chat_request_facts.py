"""What decides a request: the figures that a hold is reckoned from."""

import json
from typing import Any

import pytest

from services.relay.dialects.dialect import RequestFacts
from services.relay.dialects.openai_request import read_chat_request

IMAGE = "data:image/png;base64," + "A" * 5_000


def read(**fields: Any) -> tuple[RequestFacts, int]:
    body = json.dumps({"model": "m", "messages": [], **fields}).encode()
    return read_chat_request(body), len(body)


def message(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("fields", "answers"), [({}, 1), ({"n": 3}, 3), ({"n": 2, "best_of": 5}, 5), ({"n": None}, 1)]
)
def test_the_answers_are_the_most_that_may_be_made(fields: dict[str, Any], answers: int) -> None:
    assert read(**fields)[0].answers == answers


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, None),
        ({"max_tokens": 0}, 0),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 9, "max_completion_tokens": None}, 9),
    ],
)
def test_the_larger_limit_counts(fields: dict[str, Any], most: int | None) -> None:
    assert read(**fields)[0].max_output_tokens == most


def test_text_counts_by_its_bytes() -> None:
    facts, size = read(messages=[{"role": "user", "content": "é" * 100}])
    assert (facts.text_bytes, facts.media_count) == (size, 0)


def test_inline_media_are_counted_and_their_bytes_are_not() -> None:
    facts, size = read(
        messages=message(
            {"type": "image_url", "image_url": {"url": IMAGE}},
            {"type": "input_audio", "input_audio": {"data": "B" * 900, "format": "wav"}},
            {"type": "file", "file": {"file_data": "C" * 700, "filename": "x"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        )
    )
    assert facts.media_count == 3 + 100
    assert facts.text_bytes == size - len(IMAGE) - 900 - 700
    assert facts.likely_media_count == 4


@pytest.mark.parametrize(
    ("size", "media"), [(1, 1), (32 * 1024, 1), (32 * 1024 + 1, 2), (4_000_000, 123)]
)
def test_audio_counts_by_its_size(size: int, media: int) -> None:
    """Else an hour of it would be held like one picture."""
    clip = {"data": "B" * size, "format": "mp3"}
    facts, whole = read(messages=message({"type": "input_audio", "input_audio": clip}))
    assert (facts.media_count, facts.text_bytes) == (media, whole - size)
    url = "data:audio/mp3;base64," + "B" * (32 * 1024)
    facts, _ = read(messages=message({"type": "audio_url", "audio_url": {"url": url}}))
    assert facts.media_count == 2


def test_an_estimate_goes_by_usual_pages_and_rates() -> None:
    facts, _ = read(
        messages=message(
            {"type": "input_audio", "input_audio": {"data": "B" * 3_000_000}},
            {"type": "file", "file": {"file_data": "C" * 20_000}},
            {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        )
    )
    assert facts.likely_media_count == 3 + 3 + 1


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "https://example.org/a.mp3"}},
        {"type": "input_audio", "input_audio": None},
        {"type": "audio_url", "audio_url": {"url": "https://example.org/a.mp3"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + "B" * 900}},
    ],
)
def test_what_no_size_tells_the_length_of_counts_as_a_file(part: dict[str, Any]) -> None:
    assert read(messages=message(part))[0].media_count == 100
    assert read(messages=message(part, part))[0].media_count == 200


@pytest.mark.parametrize("holder", [None, IMAGE, [], 7, {"url": 7}, {"url": "http://x/" + IMAGE}])
def test_a_medium_that_is_not_inline_is_counted_with_all_of_its_bytes(holder: Any) -> None:
    facts, size = read(messages=message({"type": "image_url", "image_url": holder}))
    assert (facts.text_bytes, facts.media_count) == (size, 1)


def test_inline_text_beside_a_medium_is_not_taken_for_one() -> None:
    """Else a prompt could be hidden from the hold by calling it a data URL."""
    facts, size = read(messages=message({"type": "text", "text": IMAGE, "url": IMAGE}))
    assert (facts.text_bytes, facts.media_count) == (size, 0)


def test_whether_usage_is_wanted() -> None:
    assert read(stream=True, stream_options={"include_usage": True})[0].wants_usage
    assert not read(stream=True, stream_options={"include_usage": False})[0].wants_usage
    assert not read(stream=True)[0].wants_usage
    assert read(stream=True)[0].is_stream
    assert not read(stream=None)[0].is_stream
