"""The catalogue as a page: a Mermaid picture of who writes and reads what, and a table. Pure."""

from collections.abc import Iterable, Iterator

from shared.events.catalog import Kind, TopicSpec

_HEAD = """# The flow of events

Made from `shared/events/catalog.py` by `python -P -m shared.events.schemas`; do not edit.
"""


def flow_page(catalog: Iterable[TopicSpec]) -> str:
    """The whole page, in Markdown."""
    topics = tuple(catalog)
    picture = "\n".join(["```mermaid", "flowchart LR", *_picture(topics), "```"])
    return "\n".join([_HEAD, picture, "", *_table(topics), ""])


def _picture(topics: tuple[TopicSpec, ...]) -> Iterator[str]:
    services = dict.fromkeys(
        service for topic in topics for service in (*topic.producers, *topic.consumers)
    )
    for service in services:
        yield f"    {service}[{service}]"
    for topic in topics:
        node = topic.name.replace(".", "_")
        # A kept topic is drawn as a log, a compacted one as a store.
        yield (
            f"    {node}[/{topic.name}/]"
            if topic.kind is Kind.KEPT
            else f"    {node}[({topic.name})]"
        )
        for producer in topic.producers:
            yield f"    {producer} --> {node}"
        for consumer in topic.consumers:
            yield f"    {node} --> {consumer}"


def _table(topics: tuple[TopicSpec, ...]) -> Iterator[str]:
    yield "| Topic | Kind | Key | Events | From | To | Partitions |"
    yield "|---|---|---|---|---|---|---|"
    for topic in topics:
        kind = f"{topic.kind}, public" if topic.is_public else str(topic.kind)
        events = "<br>".join(
            f"[`{event.TYPE}`](schemas/{event.TYPE}.json)" for event in topic.events
        )
        cells = (
            f"`{topic.name}`",
            kind,
            topic.key.replace("<", "&lt;").replace(">", "&gt;"),
            events,
            ", ".join(topic.producers),
            ", ".join(topic.consumers) or "`reconcile`",
            str(topic.partitions),
        )
        yield f"| {' | '.join(cells)} |"
