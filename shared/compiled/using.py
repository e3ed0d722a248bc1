"""Whether this process runs compiled modules: decided once, before any of them is imported.

A build is used only where every source that it was made of is the one that is here: what runs is
always the code in the tree, compiled or interpreted, and never half of each.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from shared.compiled.finder import CompiledFinder, install, uninstall
from shared.compiled.manifest import (
    BUILDS,
    REPOSITORY,
    Manifest,
    NotThisBuildError,
    builds,
    check,
    read,
)

COMMAND: Final = "make compiled"
"""What makes a build that matches."""
_AUTO: Final = "auto"
_REQUIRED: Final = "required"


@dataclass(frozen=True, slots=True)
class Running:
    """How the code of this process runs, and why so: for the log and the metrics."""

    is_compiled: bool
    reason: str


UNDECIDED: Final = Running(is_compiled=False, reason="nobody asked for compiled code")
"""Of a process that runs what it imports as it finds it: a test's."""


class NotCompiledError(Exception):
    """Compiled code is required, and there is none that may be used."""


def use_compiled(
    variable: str,
    *,
    environment: Mapping[str, str] | None = None,
    root: Path = BUILDS,
    sources: Path = REPOSITORY,
) -> Running:
    """Load listed modules from a build from here on, if `variable` lets it and one matches.

    `auto`, also where it is not set: if there is one. `required`: raises NotCompiledError without.
    All else: never; the service's settings refuse what is no mode.
    """
    mode = (os.environ if environment is None else environment).get(variable, _AUTO)
    if mode not in {_AUTO, _REQUIRED}:
        return Running(is_compiled=False, reason=f"{variable} says so")
    reason = "there is no build"
    # The newest first; an older one may be what was checked out again.
    for number, folder in enumerate(builds(root)):
        try:
            _load(folder, sources)
        except NotThisBuildError as error:
            if number == 0:
                reason = str(error)
            continue
        return Running(is_compiled=True, reason=f"build {folder.name}")
    if mode == _REQUIRED:
        raise NotCompiledError(f"{variable}={_REQUIRED}, but {reason}; `{COMMAND}` makes a build")
    return Running(is_compiled=False, reason=reason)


def is_there_a_build(*, root: Path = BUILDS, sources: Path = REPOSITORY) -> bool:
    """Whether a process that starts now would run compiled."""
    return any(_is_of_now(folder, sources) for folder in builds(root))


def _is_of_now(folder: Path, sources: Path) -> bool:
    try:
        check(read(folder), folder, root=sources)
    except NotThisBuildError:
        return False
    return True


def _load(folder: Path, sources: Path) -> None:
    manifest = read(folder)
    check(manifest, folder, root=sources)
    _refuse_if_imported(manifest)
    finder = CompiledFinder(folder, manifest.files)
    install(finder)
    try:
        # It holds the code of all: where the system cannot load it, nothing is lost yet.
        import_module(manifest.library)
    except ImportError:
        uninstall(finder)
        raise NotThisBuildError("this system cannot load it") from None


def _refuse_if_imported(manifest: Manifest) -> None:
    """Two versions of one class in one process would not know each other."""
    for module in manifest.files:
        if module in sys.modules:
            raise NotThisBuildError(f"{module} was imported before")
