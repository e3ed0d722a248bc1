"""Makes the Go proxy that stands beside the benchmark, where there is a Go."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_name("go_proxy")
_UNTIL_BUILT_S: Final = 180.0
# The standard library is all that it needs: nothing is to be brought from anywhere.
_LOCAL: Final = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}


class GoMissingError(RuntimeError):
    """There is no Go, or none that can build the proxy; the text says which."""


async def built_go_proxy(folder: Path) -> Path:
    """The program, built into this folder. Raises GoMissingError."""
    go = shutil.which("go")
    if go is None:
        raise GoMissingError("no `go` on the PATH")
    program = folder / "go_proxy"
    process = await asyncio.create_subprocess_exec(
        *(go, "build", "-buildvcs=false", "-o", str(program), "."),
        cwd=_SOURCE,
        env={**os.environ, "GOCACHE": _cache(folder), **_LOCAL},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_UNTIL_BUILT_S):
            said, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise GoMissingError(f"`go build` took longer than {_UNTIL_BUILT_S:.0f} s") from error
    if process.returncode != 0:
        raise GoMissingError(f"`go build` failed: {said.decode(errors='replace').strip()}")
    return program


def _cache(folder: Path) -> str:
    """The user's, so that the standard library is compiled once; without a home one of our own."""
    known = os.environ.get("GOCACHE")
    return known or str(Path(os.environ.get("HOME", folder), ".cache", "go-build"))
