"""What was derived from a book is thrown away when its generation is another one."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from shared.events.directory import ProjectChanged
from shared.events.prices import GroupRatioChanged, PriceChanged
from shared.events.routing import GroupChanged, Status
from tests.unit.relay.made import GROUP, MODEL, caller, channel, routing

_Book = KeyBook | DirectoryBook | PriceBook | RoutingBook
_CHANGES = (
    *("key", "key's tombstone", "user", "workspace", "project", "model's price", "group's ratio"),
    *("price's tombstone", "directory's tombstone", "channel", "model", "group"),
    "routing's tombstone",
)


def _changes() -> Iterator[tuple[_Book, Callable[[], None]]]:
    """Each way to change each book, in the order of `_CHANGES`."""
    keys, directory, prices, routes = KeyBook(), DirectoryBook(), PriceBook(), routing()
    known = caller()
    project = ProjectChanged(project_id=1, workspace_id=7, name="p")
    yield keys, partial(keys.put, b"h" * 32, b"{}")
    yield keys, partial(keys.put, b"h" * 32, None)
    yield directory, partial(directory.put_user, known.user)
    yield directory, partial(directory.put_workspace, known.workspace)
    yield directory, partial(directory.put_project, project)
    yield prices, partial(prices.put_model, PriceChanged(model=MODEL, versions=()))
    yield prices, partial(prices.put_group, GroupRatioChanged(group=GROUP, versions=()))
    yield prices, partial(prices.forget, f"model:{MODEL}")
    yield directory, partial(directory.forget, "user:700")
    yield routes, partial(routes.put_channel, channel(1))
    yield routes, partial(routes.put_model, routes.models[MODEL])
    yield routes, partial(routes.put_group, GroupChanged(name=GROUP, status=Status.ENABLED))
    yield routes, partial(routes.forget, "channel:1")


@pytest.mark.parametrize(("what", "number"), [(w, n) for n, w in enumerate(_CHANGES)])
def test_each_change_is_another_generation(what: str, number: int) -> None:
    changes = list(_changes())
    for _book, change in changes[:number]:
        change()
    book, change = changes[number]
    before = book.generation
    change()
    assert book.generation > before, f"a {what} changed nothing"
