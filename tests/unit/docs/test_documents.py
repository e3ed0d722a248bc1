"""Documents that name what is gone are worse than none."""

import re
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from shared.events.catalog import CATALOG
from shared.events.flow import flow_page

_REPOSITORY = Path(__file__).parents[3]
_FOLDERS = ("services", "shared", "deploy", "operations", "docs", "tests", "packages")
_ARCHITECTURE = (_REPOSITORY / "ARCHITECTURE.md").read_text()
_PAGES = sorted(
    chain(
        _REPOSITORY.glob("*.md"),
        *(_REPOSITORY.glob(f"{folder}/**/*.md") for folder in _FOLDERS),
    )
)
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
_PATH = re.compile(rf"`((?:{'|'.join(_FOLDERS)})/[\w./-]*\w)/?`")
_MODULE = re.compile(r"python -P -m ([\w.]+)")
_TARGET = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
_PICTURE = re.compile(r"```mermaid\n.*?```", re.DOTALL)
_BY_PAGE = pytest.mark.parametrize(
    "page", _PAGES, ids=[str(page.relative_to(_REPOSITORY)) for page in _PAGES]
)


@_BY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, _ in _LINK.findall(page.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target


@_BY_PAGE
def test_every_file_that_is_named_exists(page: Path) -> None:
    for path in _PATH.findall(page.read_text()):
        assert (_REPOSITORY / path).exists(), path


@_BY_PAGE
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    for module in _MODULE.findall(text):
        found = find_spec(module)
        assert found is not None, module
        if found.submodule_search_locations is not None:
            assert find_spec(f"{module}.__main__") is not None, f"{module} cannot be run"
    targets = re.findall(r"^([a-z]+):", (_REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert set(_TARGET.findall(text)) <= set(targets)


def test_the_picture_is_the_catalogue_s() -> None:
    [drawn] = _PICTURE.findall(_ARCHITECTURE)
    assert drawn in flow_page(CATALOG), "copy it from docs/events/flow.md"


def test_every_service_is_in_the_architecture() -> None:
    for main in _REPOSITORY.glob("services/*/__main__.py"):
        assert f"| `{main.parent.name}` |" in _ARCHITECTURE


def test_every_decision_is_listed() -> None:
    listed = (_REPOSITORY / "docs/decisions/README.md").read_text()
    for page in _REPOSITORY.glob("docs/decisions/[0-9]*.md"):
        assert f"({page.name})" in listed


def test_every_drill_is_listed_and_every_listed_one_is_there() -> None:
    listed = set(re.findall(r"^\| `(test_\w+\.py)`", _ARCHITECTURE, re.MULTILINE))
    assert listed == {path.name for path in _REPOSITORY.glob("tests/failure/test_*.py")}
