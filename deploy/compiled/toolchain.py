"""The C compiler of this machine, and Python's headers."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPTIMISED: Final = ("-O3", "-g0", "-DNDEBUG", "-fwrapv", "-fvisibility=hidden", "-w")
_INSTALL: Final = "on Debian and Ubuntu: apt-get install"


class NoToolchainError(Exception):
    """Something is missing. Its text says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """How C files become an extension module. Raises subprocess.CalledProcessError where not."""

    compiler: tuple[str, ...]
    headers: Path

    def compile(self, source: Path, target: Path, include: tuple[Path, ...] = ()) -> None:
        """One C file to one object file."""
        folders = [f"-I{folder}" for folder in (*include, self.headers)]
        shared = shlex.split(sysconfig.get_config_var("CCSHARED") or "-fPIC")
        self._run(*OPTIMISED, *shared, *folders, "-c", str(source), "-o", str(target))

    def link(self, objects: list[Path], target: Path) -> None:
        """Object files to one extension module, without symbols that nobody needs."""
        # Of what Python was linked with: `-shared`, or on macOS `-bundle` and more.
        arguments = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
        options = [one for one in arguments[1:] if one.startswith("-") or arguments[0] != "gcc"]
        strip = [] if sys.platform == "darwin" else ["-s"]
        self._run(*options, *strip, *map(str, objects), "-o", str(target))

    def _run(self, *arguments: str) -> None:
        command = [*self.compiler, *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # the C compiler that Python names


def toolchain() -> Toolchain:
    """What this machine has. Raises NoToolchainError."""
    found = _compiler()
    if found is None:
        raise NoToolchainError(f"no C compiler; {_INSTALL} gcc libc6-dev")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        raise NoToolchainError(f"no Python.h of {python}; {_INSTALL} {python}-dev")
    check = ["-fsyntax-only", f"-I{headers}", "-xc", "-"]
    text = "#include <Python.h>\n"
    done = subprocess.run(  # noqa: S603  # the C compiler that Python names
        [*found, *check], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoToolchainError(f"{found[0]} cannot compile Python.h; {_INSTALL} libc6-dev")
    return Toolchain(found, headers)


def _compiler() -> tuple[str, ...] | None:
    """The user's own, Python's own, or any."""
    for command in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"):
        words = shlex.split(command or "")
        if words and shutil.which(words[0]):
            return tuple(words)
    return None
