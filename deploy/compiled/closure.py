"""What compiled modules are made of beside themselves: all that they import, however far away.

mypyc compiles constants and types of other modules into those that use them, so a build holds for
the sources that it has seen, and no others.
"""

import ast
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from shared.compiled.manifest import REPOSITORY

_OURS: Final = frozenset({"services", "shared"})


def sources_of(modules: Iterable[str], *, root: Path = REPOSITORY) -> tuple[list[str], list[str]]:
    """Paths of ours, and installed distributions as `name-version`. Raises OSError, SyntaxError."""
    seen: set[str] = set()
    foreign: set[str] = set()
    left = list(modules)
    paths: list[str] = []
    while left:
        module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        path = _path(module, root)
        if path is None:
            continue
        paths.append(path)
        # Its packages come first when it is imported.
        left.extend(_parents(module))
        for name in _imported((root / path).read_bytes()):
            top = name.partition(".")[0]
            if top in _OURS:
                left.append(name)
            elif top not in sys.stdlib_module_names:
                foreign.add(top)
    return sorted(paths), _distributions(foreign)


def _path(module: str, root: Path) -> str | None:
    below = module.replace(".", "/")
    for path in (f"{below}.py", f"{below}/__init__.py"):
        if (root / path).is_file():
            return path
    return None


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _imported(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            # What is imported from a package may be a module of it.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _distributions(packages: set[str]) -> list[str]:
    named = packages_distributions()
    folders = {
        _normal(folder.stem.rpartition("-")[0]): folder.stem
        for folder in Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    }
    used = {_normal(name) for package in packages for name in named.get(package, ())}
    return sorted(folders[name] for name in used if name in folders)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
