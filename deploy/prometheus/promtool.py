"""Finding promtool: on the PATH, in our cache, or in Debian's package, which is not installed."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.cache import cache_folder

_PACKAGE: Final = "prometheus"
MISSING: Final = (
    "promtool is needed to check the alert rules. It comes with Prometheus: on Debian and Ubuntu"
    " `apt-get update && apt-get install prometheus`; with Go"
    " `go install github.com/prometheus/prometheus/cmd/promtool@latest`."
)


class PromtoolMissingError(Exception):
    """There is none, and none could be brought."""


def find_promtool() -> Path:
    """The program. Brings it into the cache where `apt-get` can. Raises PromtoolMissingError."""
    on_path = shutil.which("promtool")
    if on_path is not None:
        return Path(on_path)
    kept = cache_folder() / "promtool" / "usr" / "bin" / "promtool"
    if not kept.exists():
        _bring(kept)
    return kept


def _bring(kept: Path) -> None:
    apt, unpack = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or unpack is None:
        raise PromtoolMissingError(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        downloaded = subprocess.run(  # noqa: S603  # our own words, to a program on the PATH
            [apt, "download", _PACKAGE], cwd=folder, capture_output=True, check=False, timeout=120
        )
        packages = list(Path(folder).glob("*.deb"))
        if downloaded.returncode != 0 or len(packages) != 1:
            raise PromtoolMissingError(MISSING)
        unpacked = Path(folder) / "unpacked"
        subprocess.run(  # noqa: S603  # the same
            [unpack, "--extract", str(packages[0]), str(unpacked)], check=True, timeout=60
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: two checks may bring it at the same time.
        arriving = kept.with_suffix(f".{Path(folder).name}")
        shutil.copy2(unpacked / "usr" / "bin" / "promtool", arriving)
        arriving.replace(kept)
