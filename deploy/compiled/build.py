"""Makes a build of the relay's hot modules, unless there is one of what is here now."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from deploy.compiled.closure import sources_of
from deploy.compiled.modules import MODULES
from deploy.compiled.toolchain import Toolchain, toolchain
from shared.compiled.manifest import (
    BUILDS,
    REPOSITORY,
    Manifest,
    NotThisBuildError,
    builds,
    check,
    hashed,
    read,
    running_python,
    write,
)

_KEPT: Final = 2
"""Builds that stay: a process that is starting may still be reading the one before."""
_UNITS: Final = "units.json"


class BuildError(Exception):
    """What mypyc or the C compiler said, in short."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """One extension module, and what it is made of."""

    module: str
    sources: tuple[Path, ...]
    include: tuple[Path, ...]


def up_to_date(root: Path = BUILDS) -> Path | None:
    """The build of what is here now, if there is one. Quick: nothing is compiled or checked."""
    wanted, maker = set(MODULES), made_by()
    for folder in builds(root):
        try:
            manifest = read(folder)
            check(manifest, folder)
        except NotThisBuildError:
            continue
        if manifest.made_by == maker and set(manifest.files) - {manifest.library} == wanted:
            return folder
    return None


def build(root: Path = BUILDS) -> Path:
    """Compile all of it into a folder that is there whole or not at all.

    Raises NoToolchainError, BuildError. May be called by several processes at a time.
    """
    tools = toolchain()
    root.mkdir(exist_ok=True)
    paths, distributions = sources_of(MODULES)
    manifest = Manifest(
        python=running_python(),
        library="",
        files={},
        sizes={},
        sources=hashed(paths),
        distributions=tuple(distributions),
        made_by=made_by(),
    )
    with tempfile.TemporaryDirectory(dir=root, prefix=".making-") as made:
        work, result = Path(made, "work"), Path(made, "result")
        work.mkdir()
        result.mkdir()
        units = _generate(work)
        _compile(tools, units, work, result)
        files = {unit.module: _file(unit.module) for unit in units}
        whole = replace(
            manifest,
            library=units[0].module,
            files=files,
            sizes={name: (result / name).stat().st_size for name in files.values()},
        )
        if hashed(paths) != manifest.sources:
            raise BuildError("sources were changed while they were compiled; once more, please")
        write(whole, result)
        folder = root / _digest(manifest)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            result.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    for old in builds(root)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def made_by() -> str:
    """Digest of all that decides how a source is compiled."""
    here = Path(__file__).parent
    own = hashed(sorted(path.name for path in here.glob("*.py")), root=here)
    return hashlib.sha256(json.dumps([version("mypy"), own]).encode()).hexdigest()


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(json.dumps(asdict(manifest), sort_keys=True).encode()).hexdigest()[:16]


def _generate(work: Path) -> list[_Unit]:
    done = subprocess.run(  # noqa: S603  # this interpreter, a fixed module
        [sys.executable, "-P", "-m", "deploy.compiled.generate", str(work)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        said = [line for line in lines if ": error: " in line] or lines[-3:]
        raise BuildError("\n".join(said))
    return [
        _Unit(unit["module"], tuple(map(Path, unit["sources"])), tuple(map(Path, unit["include"])))
        for unit in json.loads((work / _UNITS).read_bytes())
    ]


def _compile(tools: Toolchain, units: Iterable[_Unit], work: Path, result: Path) -> None:
    def compiled(unit: _Unit, number: int, source: Path) -> Path:
        target = work / f"{unit.module}.{number}.o"
        tools.compile(source, target, unit.include)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            (unit, [pool.submit(compiled, unit, *one) for one in enumerate(unit.sources)])
            for unit in units
        ]
        try:
            links = [
                pool.submit(
                    tools.link, [job.result() for job in objects], result / _file(unit.module)
                )
                for unit, objects in jobs
            ]
            for link in links:
                link.result()
        except subprocess.CalledProcessError as error:
            pool.shutdown(cancel_futures=True)
            raise BuildError("\n".join(error.stderr.splitlines()[:5])) from None


def _file(module: str) -> str:
    return f"{module}.so"
