"""Temporary files: gone at the end, or with the next process that writes there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelwise.core import temporary_files
from pixelwise.core.temporary_files import is_temporary, remove_leftovers, temporary_path

WRITE = """
import sys, time
from pathlib import Path
from pixelwise.core.temporary_files import temporary_path
with temporary_path(Path(sys.argv[1])) as path:
    if sys.argv[2] == "folder":
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("half")
    else:
        path.write_text("half")
        path.with_name(path.name + ".aux.xml").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""
USERS = (
    ".pixelwise",
    ".pixelwise-notes.txt",
    ".pixelwise-ABCDEFGH.tmp.png",
    ".a.abcdefgh.png",
    "pixelwise-abcdefgh.tmp",
)
"""Names that a user may give."""


@pytest.fixture
def writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that is writing a file, or a folder."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "a.png"), getattr(request, "param", "file")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_temporary_file_has_a_lock_beside_it_and_both_go(tmp_path: Path) -> None:
    with temporary_path(tmp_path / "new" / "a.png") as path:
        path.write_text("x", encoding="utf-8")
        lock, file = names(tmp_path / "new")
        assert re.fullmatch(r"\.pixelwise-[a-z0-9_]{8}\.tmp\.png", file)
        assert lock == file.replace(".tmp.png", ".lock")
        assert is_temporary(path)
    assert names(tmp_path / "new") == []


def test_a_folder_goes_too_and_what_was_renamed_stays(tmp_path: Path) -> None:
    with temporary_path(tmp_path / "a") as path:
        path.mkdir()
        (path / "b").touch()
    with temporary_path(tmp_path / "a") as path:
        path.mkdir()
        path.replace(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_a_long_suffix_makes_no_longer_name(tmp_path: Path) -> None:
    with temporary_path(tmp_path / f"a.{'é' * 120}") as path:
        assert len(os.fsencode(path.name)) < 64
        path.touch()


@pytest.mark.parametrize("writer", ["file", "folder"], indirect=True)
def test_what_a_killed_process_left_goes_with_the_next(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    for name in USERS:
        (tmp_path / name).touch()
    left = {*names(tmp_path)} - {*USERS}
    assert len(left) >= 2
    remove_leftovers(tmp_path)
    assert {*names(tmp_path)} == {*USERS, *left}, "it is alive"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    temporary_files._cleared.discard(tmp_path)
    with temporary_path(tmp_path / "other.txt"):
        assert left.isdisjoint(names(tmp_path))
    assert names(tmp_path) == sorted(USERS)


def test_files_without_their_lock_are_left_over(tmp_path: Path) -> None:
    """The lock is the first to come and the last to go, but a machine that crashes may lose it."""
    (tmp_path / ".pixelwise-abcdefgh.tmp.png").touch()
    (tmp_path / ".pixelwise-abcdefg2.tmp").mkdir()
    (tmp_path / ".pixelwise-abcdefg3.lock").touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_nothing_is_removed_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_files, "try_to_lock", lambda handle: None)
    left = [".pixelwise-abcdefgh.lock", ".pixelwise-abcdefgh.tmp.png"]
    for name in left:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == left


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / ".pixelwise-abcdefgh.tmp").symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"]
