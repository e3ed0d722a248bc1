"""Kafka's jars: brought by `jgo` once, kept in the user's cache, and trusted by checksum only."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import cache_folder

KAFKA_VERSION = "4.3.0"
CHECKSUMS_PATH = Path(__file__).with_name("kafka-jars.sha256")
_DOWNLOADS_AT_ONCE = 8
_TRIES = 3

Downloader = Callable[["Jar", Path], Path]
"""Brings a jar into a folder (a Maven repository's layout) and returns its path."""


class JarChecksumError(RuntimeError):
    """A jar is not the one that was committed."""


@dataclass(frozen=True)
class Jar:
    """A pinned jar, by its Maven coordinate."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the folder of jars."""
        return f"{self.artifact}-{self.version}.jar"


def read_checksums(path: Path = CHECKSUMS_PATH) -> tuple[Jar, ...]:
    """The pinned jars: lines of `sha256  group:artifact:version`."""
    jars = []
    for line in path.read_text().splitlines():
        sha256, coordinate = line.split()
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the jars stay for every checkout of this user."""
    return cache_folder(environment) / f"kafka-{KAFKA_VERSION}"


def ensure_jars(folder: Path, jars: tuple[Jar, ...], download: Downloader | None = None) -> None:
    """Bring what is missing and check every jar; quick and repeatable when all are there.

    Raises JarChecksumError for a jar that differs, which is then not used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    if missing:
        _bring(missing, folder, download or _download)
    for jar in jars:
        _check(jar, folder / jar.filename)


def _bring(missing: list[Jar], folder: Path, download: Downloader) -> None:
    staging = folder / f".staging-{os.getpid()}"

    def bring(jar: Jar) -> None:
        path = download(jar, staging)
        _check(jar, path)
        path.replace(folder / jar.filename)  # whole and checked, or not there at all

    try:
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(bring, missing))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise JarChecksumError(
            f"{path} is not the pinned jar: sha256 is {found}, {CHECKSUMS_PATH.name} has "
            f"{jar.sha256}. Delete the file and start again; if it comes back, do not run it."
        )


def _download(jar: Jar, folder: Path) -> Path:
    # Imported where it is needed: most starts find every jar in place.
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow to import, rarely used

    context = MavenContext(repo_cache=folder, timeout=60)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for _ in range(_TRIES - 1):
        try:
            return Path(artifact.resolve())
        except OSError:  # a connection that broke is worth another try
            continue
    return Path(artifact.resolve())
