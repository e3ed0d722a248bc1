"""The AsyncAPI document is whole by itself, and says what the catalogue and the messages say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from shared.events.asyncapi import asyncapi
from shared.events.catalog import CATALOG, Kind

DOCUMENT: Final = asyncapi(CATALOG)
GOLDEN: Final = sorted((Path(__file__).parent / "golden").glob("*.json"))


def _at(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_leads_somewhere_inside_of_it() -> None:
    references = set(_references(DOCUMENT))
    assert references
    for reference in references:
        assert reference.startswith("#/"), reference
        assert isinstance(_at(reference), dict), reference


def test_it_has_every_topic_with_its_events_and_how_it_is_kept() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert channels.keys() == {topic.name for topic in CATALOG}
    for topic in CATALOG:
        channel = channels[topic.name]
        assert channel["messages"].keys() == {event.TYPE for event in topic.events}
        assert channel["tags"] == [{"name": "public" if topic.is_public else "internal"}]
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        is_kept = kafka["topicConfiguration"]["cleanup.policy"] == ["delete"]
        assert is_kept is (topic.kind is Kind.KEPT)
        assert kafka["topicConfiguration"].get("retention.ms") == topic.retention_ms


def test_every_topic_has_an_operation_with_its_own_messages() -> None:
    sent = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()}
    assert sent == {f"#/channels/{name}" for name in DOCUMENT["channels"]}
    for operation in DOCUMENT["operations"].values():
        beginning = operation["channel"]["$ref"] + "/messages/"
        assert all(each["$ref"].startswith(beginning) for each in operation["messages"])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_message_is_valid_by_it(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    message = DOCUMENT["components"]["messages"][golden["headers"]["ce_type"]]
    (trait,) = message["traits"]
    Draft202012Validator(_at(trait["$ref"])["headers"]).validate(golden["headers"])

    # The whole document is the schema's root, so that references inside of it are found.
    payload = DOCUMENT | {"$ref": message["payload"]["$ref"]}
    Draft202012Validator(payload).validate(golden["value"])
    with pytest.raises(Exception, match="required"):
        Draft202012Validator(payload).validate({})
