"""What a folder of compiled modules was made of, and whether that is what is here now.

Read before a service imports anything else: the standard library's quick modules only.
"""

import hashlib
import json
import platform
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BUILDS: Final = REPOSITORY / ".compiled"
"""One folder for each build, named by what it was made of."""
NAME: Final = "manifest.json"


class NotThisBuildError(Exception):
    """It was made of something else, or is damaged. Its text says what, for a log line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One build."""

    python: str
    """Version and ABI of the interpreter it is for."""
    library: str
    """The extension module, by its whole name, that holds the code of all others."""
    files: dict[str, str]
    """Module to its file in the build's folder, the library's too."""
    sizes: dict[str, int]
    """Bytes of each file."""
    sources: dict[str, str]
    """Path below the repository to SHA-256: of the compiled modules, and of all of ours that they
    import, because constants and types of those are compiled into them."""
    distributions: tuple[str, ...]
    """Names with versions of the installed packages that they import, for the same reason."""
    made_by: str = ""
    """Digest of what made it: mypyc's version, the options. Of no account to who loads it."""


def running_python() -> str:
    """What must be the same for a build to be loaded."""
    return f"{platform.python_version()} {sysconfig.get_config_var('SOABI')}"


def hashed(paths: Iterable[str], *, root: Path = REPOSITORY) -> dict[str, str]:
    """SHA-256 of each file. Raises OSError."""
    return {path: hashlib.sha256((root / path).read_bytes()).hexdigest() for path in paths}


def write(manifest: Manifest, folder: Path) -> None:
    """Put it into its build's folder."""
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Raises NotThisBuildError where there is none, or one that is damaged."""
    try:
        told = json.loads((folder / NAME).read_bytes())
        manifest = Manifest(**{**told, "distributions": tuple(told["distributions"])})
    except OSError:
        raise NotThisBuildError("it has no manifest") from None
    except (ValueError, TypeError, KeyError):
        raise NotThisBuildError("its manifest is damaged") from None
    if not _is_sound(manifest):
        raise NotThisBuildError("its manifest is damaged")
    return manifest


def check(manifest: Manifest, folder: Path, *, root: Path = REPOSITORY) -> None:
    """Raises NotThisBuildError unless it was made of what is here now."""
    if manifest.python != running_python():
        raise NotThisBuildError(f"it is for Python {manifest.python}")
    for path, digest in manifest.sources.items():
        try:
            now = hashed([path], root=root)
        except OSError:
            raise NotThisBuildError(f"{path} is gone") from None
        if now[path] != digest:
            raise NotThisBuildError(f"{path} has changed")
    packages = Path(sysconfig.get_path("purelib"))
    for distribution in manifest.distributions:
        if not (packages / f"{distribution}.dist-info").is_dir():
            raise NotThisBuildError(f"{distribution} is not what is installed")
    for name, size in manifest.sizes.items():
        try:
            is_whole = (folder / name).stat().st_size == size
        except OSError:
            is_whole = False
        if not is_whole:
            raise NotThisBuildError(f"{name} is damaged")


def builds(root: Path = BUILDS) -> list[Path]:
    """The folders of builds, the newest first."""
    try:
        found = [
            (folder.stat().st_mtime_ns, folder) for folder in root.iterdir() if _is_build(folder)
        ]
    except OSError:
        return []
    return [folder for _, folder in sorted(found, reverse=True)]


def _is_build(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith((".", "_"))


def _is_sound(manifest: Manifest) -> bool:
    mappings: tuple[tuple[object, type], ...] = (
        (manifest.files, str),
        (manifest.sizes, int),
        (manifest.sources, str),
    )
    return (
        all(isinstance(one, Mapping) and _all(one.values(), kind) for one, kind in mappings)
        and _all((manifest.python, manifest.library, *manifest.distributions), str)
        and manifest.library in manifest.files
        and set(manifest.files.values()) == set(manifest.sizes)
        # A file of the folder itself, and nothing that a path could lead to.
        and all(Path(name).name == name for name in manifest.sizes)
        and bool(manifest.sources)
    )


def _all(values: Iterable[object], kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)
