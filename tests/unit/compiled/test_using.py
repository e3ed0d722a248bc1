"""When compiled modules are used: only where they were made of exactly what is here."""

import json
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

import pytest

from shared.compiled import manifest as manifests
from shared.compiled.finder import CompiledFinder
from shared.compiled.manifest import (
    Manifest,
    NotThisBuildError,
    check,
    hashed,
    read,
    running_python,
)
from shared.compiled.using import NotCompiledError, Running, is_there_a_build, use_compiled

SOURCE, MODULE, LIBRARY = "made/rules.py", "made.rules", "made_library"
VARIABLE = "LEDGERLINE_RELAY_COMPILED"


class Tree:
    """A source with its build."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.root = folder, folder / "builds"
        self.build = self.root / "one"
        self.build.mkdir(parents=True)
        (folder / "made").mkdir()
        self.write("LIMIT = 1\n")
        for name in (f"{MODULE}.so", f"{LIBRARY}.so"):
            (self.build / name).write_bytes(b"no library")
        self.put()

    def write(self, source: str) -> None:
        (self.sources / SOURCE).write_text(source)

    def put(self, **changes: Any) -> None:
        files = {MODULE: f"{MODULE}.so", LIBRARY: f"{LIBRARY}.so"}
        told: dict[str, Any] = {
            "python": running_python(),
            "library": LIBRARY,
            "files": files,
            "sizes": {name: (self.build / name).stat().st_size for name in files.values()},
            "sources": hashed([SOURCE], root=self.sources),
            "distributions": (),
        }
        manifests.write(Manifest(**{**told, **changes}), self.build)

    def why_not(self) -> str:
        """Why it is interpreted; that it then must not be `required` is tried as well."""
        running = self.use("auto")
        assert not running.is_compiled
        with pytest.raises(NotCompiledError, match="make compiled"):
            self.use("required")
        return running.reason

    def use(self, mode: str | None) -> Running:
        environment = {} if mode is None else {VARIABLE: mode}
        before = list(sys.meta_path)
        try:
            return use_compiled(
                VARIABLE, environment=environment, root=self.root, sources=self.sources
            )
        finally:
            assert sys.meta_path == before


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_build_of_what_is_here_matches(tree: Tree) -> None:
    check(read(tree.build), tree.build, root=tree.sources)
    assert is_there_a_build(root=tree.root, sources=tree.sources)


def test_a_source_that_changed_is_interpreted(tree: Tree) -> None:
    tree.write("LIMIT = 2\n")
    assert tree.why_not() == f"{SOURCE} has changed"
    assert not is_there_a_build(root=tree.root, sources=tree.sources)
    tree.write("LIMIT = 1\n")
    assert is_there_a_build(root=tree.root, sources=tree.sources)


def test_a_module_that_is_gone_is_not_found_in_the_build(tree: Tree) -> None:
    (tree.sources / SOURCE).unlink()
    assert tree.why_not() == f"{SOURCE} is gone"


def test_another_python_is_interpreted(tree: Tree) -> None:
    tree.put(python="3.11.0 cpython-311-sparc-linux-gnu")
    assert "sparc" in tree.why_not()


def test_another_version_of_a_package_is_interpreted(tree: Tree) -> None:
    tree.put(distributions=("aiohttp-0.0.1",))
    assert tree.why_not() == "aiohttp-0.0.1 is not what is installed"


@pytest.mark.parametrize(
    "damage",
    [
        {"library": "other"},
        {"files": {}},
        {"files": {MODULE: "../elsewhere.so", LIBRARY: f"{LIBRARY}.so"}},
        {"sizes": {}},
        {"sources": {}},
        {"sources": {SOURCE: 1}},
        {"python": None},
    ],
)
def test_a_manifest_that_says_too_little_is_damaged(tree: Tree, damage: dict[str, Any]) -> None:
    tree.put(**damage)
    assert tree.why_not() == "its manifest is damaged"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"python": "3"}', "\x00", "\u20ac{}"])
def test_a_manifest_that_cannot_be_read_is_damaged(tree: Tree, text: str) -> None:
    (tree.build / manifests.NAME).write_text(text)
    assert tree.why_not() == "its manifest is damaged"


def test_a_field_that_is_not_known_is_damage(tree: Tree) -> None:
    path = tree.build / manifests.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "more": 1}))
    assert tree.why_not() == "its manifest is damaged"


def test_a_build_without_a_manifest_is_none(tree: Tree) -> None:
    (tree.build / manifests.NAME).unlink()
    with pytest.raises(NotThisBuildError):
        read(tree.build)
    assert tree.why_not() == "it has no manifest"


@pytest.mark.parametrize("name", [f"{MODULE}.so", f"{LIBRARY}.so"])
def test_a_file_that_was_cut_is_damaged(tree: Tree, name: str) -> None:
    (tree.build / name).write_bytes(b"no")
    assert tree.why_not() == f"{name} is damaged"
    (tree.build / name).unlink()
    assert tree.why_not() == f"{name} is damaged"


def test_what_the_system_cannot_load_is_interpreted(tree: Tree) -> None:
    """As on a file system without the right to execute."""
    assert tree.why_not() == "this system cannot load it"


def test_no_half_of_a_program_is_compiled(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes of a module that was imported before would not be those of the build."""
    monkeypatch.setitem(sys.modules, MODULE, sys)
    assert tree.why_not() == f"{MODULE} was imported before"


def test_without_a_build_it_is_interpreted(tree: Tree) -> None:
    tree.build.rename(tree.root / ".making-one")
    assert tree.why_not() == "there is no build"
    tree.root = tree.sources / "nowhere"
    assert tree.why_not() == "there is no build"


def test_an_older_build_is_used_where_it_is_of_what_is_here(tree: Tree) -> None:
    (tree.root / "newer").mkdir()
    assert tree.why_not() == "it has no manifest"
    assert is_there_a_build(root=tree.root, sources=tree.sources)


@pytest.mark.parametrize("mode", ["never", "", "Required", "yes"])
def test_never_is_never_and_what_is_no_mode_is_left_to_the_settings(tree: Tree, mode: str) -> None:
    assert tree.use(mode).reason == f"{VARIABLE} says so"


def test_a_mode_that_is_not_set_is_auto(tree: Tree) -> None:
    assert tree.use(None).reason == "this system cannot load it"


def test_only_listed_modules_are_loaded_from_the_build(tmp_path: Path) -> None:
    finder = CompiledFinder(tmp_path, {MODULE: f"{MODULE}.so"})
    found = finder.find_spec(MODULE, None)
    assert found is not None
    assert found.origin == str(tmp_path / f"{MODULE}.so")
    assert isinstance(found.loader, ExtensionFileLoader)
    for other in ("made", "made.other", "rules", f"{MODULE}.deeper", "json"):
        assert finder.find_spec(other, None) is None
