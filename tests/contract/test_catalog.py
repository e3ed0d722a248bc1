"""The catalogue is what the services do: each names in `handlers.py` what it reads and writes."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import services
from shared.events.catalog import CATALOG, Service, TopicSpec
from shared.events.flow import flow_page

HOUSES = Path(services.__file__).parent


TABLES = [
    pytest.param(service, import_module(f"services.{service}.handlers"), id=service.value)
    for service in Service
]


def names(topics: tuple[TopicSpec, ...]) -> set[str]:
    assert len(set(topics)) == len(topics)
    return {topic.name for topic in topics}


@pytest.mark.parametrize(("service", "handlers"), TABLES)
def test_a_service_reads_what_the_catalogue_says(service: Service, handlers: ModuleType) -> None:
    said = {topic.name for topic in CATALOG if service in topic.consumers}

    assert names(handlers.CONSUMES) == said


@pytest.mark.parametrize(("service", "handlers"), TABLES)
def test_a_service_writes_what_the_catalogue_says(service: Service, handlers: ModuleType) -> None:
    said = {topic.name for topic in CATALOG if service in topic.producers}

    assert names(handlers.PRODUCES) == said


def test_every_service_is_in_the_catalogue() -> None:
    found = {path.parent.name for path in HOUSES.glob("*/__init__.py")}

    assert found == {service.value for service in Service}


def test_every_topic_and_event_is_in_the_picture() -> None:
    page = flow_page(CATALOG)
    for topic in CATALOG:
        assert topic.name in page
        assert all(event.TYPE in page for event in topic.events)


def test_each_event_and_topic_is_named_once() -> None:
    types = [event.TYPE for topic in CATALOG for event in topic.events]
    assert len(set(types)) == len(types)
    topics = [topic.name for topic in CATALOG]
    assert len(set(topics)) == len(topics)
