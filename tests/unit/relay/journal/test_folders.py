"""Whose journal it is: the lock decides, and a folder changes hands once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.relay.journal.directory import JournalDirectory, Published
from services.relay.journal.places import offset_of, segment_of
from tests.unit.relay.journal.made_journals import completed, died, found, open_journal


def test_a_living_relays_folder_is_left_alone(tmp_path: Path) -> None:
    directory, journal = open_journal(tmp_path)
    assert JournalDirectory.take_over(tmp_path) == []
    died(directory, journal)
    (orphan,) = JournalDirectory.take_over(tmp_path)
    assert orphan.relay_id == "relay-1"
    assert JournalDirectory.take_over(tmp_path) == [], "taken over twice"
    orphan.unlock()
    orphan.unlock()


def test_another_processs_folder_is_left_alone_until_it_dies(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from services.relay.journal.directory import JournalDirectory\n"
        "held = JournalDirectory.create(pathlib.Path(sys.argv[1]), 'relay-9')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    root = Path(__file__).parents[4]
    with subprocess.Popen(  # noqa: S603  # our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        assert JournalDirectory.take_over(tmp_path) == []
        other.kill()
        other.wait()
        (orphan,) = JournalDirectory.take_over(tmp_path)
        orphan.unlock()


def test_a_removed_folder_is_gone_and_frees_its_name(tmp_path: Path) -> None:
    directory, journal = open_journal(tmp_path)
    journal.close()
    directory.remove()
    assert list(tmp_path.iterdir()) == []
    again, journal = open_journal(tmp_path)
    died(again, journal)


def test_a_folder_half_removed_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events are on Kafka: who found the rest of it would count them as none."""
    directory, journal = open_journal(tmp_path)
    journal.close()

    def dies(path: Path) -> None:
        (path / "00000001.segment").unlink()
        raise OSError("killed")

    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", dies)
        with pytest.raises(OSError, match="killed"):
            directory.remove()
    directory.unlock()
    assert JournalDirectory.take_over(tmp_path) == []
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, 0))
    assert JournalDirectory.take_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == [], "who looks later clears it away"


def test_a_lock_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    (tmp_path / "relay-7").mkdir()
    assert JournalDirectory.take_over(tmp_path) == []
    assert list((tmp_path / "relay-7").iterdir()) == []


def test_what_is_no_folder_of_a_relay_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / "lock").touch()
    (tmp_path / "note.txt").touch()
    assert JournalDirectory.take_over(tmp_path) == []
    assert JournalDirectory.take_over(tmp_path / "missing") == []
    assert (tmp_path / "quarantine").is_dir()


def test_journals_are_for_their_owner_only(tmp_path: Path) -> None:
    directory, journal = open_journal(tmp_path / "root")
    for path in (tmp_path / "root", directory.path, *directory.path.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
    died(directory, journal)


def test_the_position_is_what_was_written_last(tmp_path: Path) -> None:
    directory, journal = open_journal(tmp_path)
    assert directory.read_published() == Published()
    journal.complete(completed(at=1))
    end = journal.take().end.place
    journal.published(end, 1)
    journal.write_published()
    assert directory.read_published() == Published(segment_of(end), offset_of(end), 1)
    later = completed(at=2)
    journal.complete(later)
    died(directory, journal)
    assert found(tmp_path).unpublished == [later]
