import hashlib
from pathlib import Path

import pytest

from deploy.local.kafka_jars import Downloader, Jar, JarChecksumError, ensure_jars, read_checksums

_CONTENT = b"the jar that was pinned"
_JAR = Jar("org.example", "example", "1.0", hashlib.sha256(_CONTENT).hexdigest())


def _serving(content: bytes, asked: list[Jar] | None = None) -> Downloader:
    def download(jar: Jar, folder: Path) -> Path:
        if asked is not None:
            asked.append(jar)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / jar.filename
        path.write_bytes(content)
        return path

    return download


def test_a_downloaded_jar_with_another_checksum_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(JarChecksumError, match="is not the pinned jar"):
        ensure_jars(tmp_path, (_JAR,), _serving(b"another"))
    assert list(tmp_path.iterdir()) == []


def test_a_jar_changed_in_the_cache_is_refused(tmp_path: Path) -> None:
    ensure_jars(tmp_path, (_JAR,), _serving(_CONTENT))
    (tmp_path / _JAR.filename).write_bytes(b"changed later")
    with pytest.raises(JarChecksumError, match=_JAR.filename):
        ensure_jars(tmp_path, (_JAR,), _serving(_CONTENT))


def test_what_is_in_the_cache_is_not_brought_again(tmp_path: Path) -> None:
    asked: list[Jar] = []
    ensure_jars(tmp_path, (_JAR,), _serving(_CONTENT, asked))
    ensure_jars(tmp_path, (_JAR,), _serving(_CONTENT, asked))
    assert asked == [_JAR]


def test_the_committed_list_names_every_jar_once() -> None:
    jars = read_checksums()
    assert len({jar.filename for jar in jars}) == len(jars)
    assert any(jar.filename == "kafka_2.13-4.3.0.jar" for jar in jars)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
