"""Loads the modules of one build from its folder, and no others."""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType


class CompiledFinder(MetaPathFinder):
    """Stands before all other finders. What it does not list they find as ever."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self._paths = {module: str(folder / name) for module, name in files.items()}

    @property
    def modules(self) -> frozenset[str]:
        """What it loads."""
        return frozenset(self._paths)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # asked for by `importlib`
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """The extension module of this name, where the build has one."""
        file = self._paths.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


def install(finder: CompiledFinder) -> None:
    """From here on its modules are compiled ones."""
    sys.meta_path.insert(0, finder)


def uninstall(finder: CompiledFinder) -> None:
    """Modules that are loaded stay what they are."""
    sys.meta_path.remove(finder)
