"""The journal: numbers without a gap, on the disk, and nothing but a torn last line is ever dropped."""

import json

import pytest

from pixelwise.core.errors import DataError, OutputError
from pixelwise.labels.journal import Journal


def _write(path, count):
    journal = Journal(path)
    journal.load()
    for value in range(count):
        journal.append({"type": "stroke", "value": value})
    journal.close()


def test_actions_are_numbered_and_read_again(tmp_path):
    path = tmp_path / "studio" / "journal.jsonl"
    _write(path, 2)
    journal = Journal(path)
    assert [(entry["number"], entry["value"]) for entry in journal.load()] == [(1, 0), (2, 1)]
    assert journal.append({"type": "undo"}) == 3
    assert journal.read(2) == {"number": 2, "type": "stroke", "value": 1}
    assert journal.read(3) == {"number": 3, "type": "undo"}
    journal.close()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_torn_last_line_is_dropped_and_told(tmp_path, cut):
    path = tmp_path / "journal.jsonl"
    _write(path, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path)
    assert len(journal.load()) == 2
    assert "dropped" in journal.remark
    assert journal.append({"type": "clear"}) == 3
    journal.close()
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2, 3]


@pytest.mark.parametrize("line", [b"{torn", b'{"number": 7, "type": "stroke"}', b"[]", b'{"number": 2}'])
def test_damage_before_the_last_line_is_an_error_and_changes_nothing(tmp_path, line):
    path = tmp_path / "journal.jsonl"
    _write(path, 3)
    lines = path.read_bytes().splitlines()
    content = b"\n".join([lines[0], line, lines[2]]) + b"\n"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a damaged line 2"):
        Journal(path).load()
    assert path.read_bytes() == content


class _FullDisk:
    """A file that takes the first bytes of a line and then has no room."""

    def __init__(self, file):
        self._file = file

    def write(self, line):
        self._file.write(line[: len(line) // 2])
        raise OSError(28, "No space left on device")

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_full_disk_leaves_the_journal_as_it_was(tmp_path):
    path = tmp_path / "journal.jsonl"
    _write(path, 1)
    content = path.read_bytes()
    journal = Journal(path)
    journal.load()
    file, journal._file = journal._file, _FullDisk(journal._file)
    with pytest.raises(OutputError, match="No space left"):
        journal.append({"type": "stroke"})
    assert path.read_bytes() == content
    journal._file = file
    assert journal.append({"type": "stroke"}) == 2
    journal.close()


def test_damaged_last_line_is_dropped_told_and_kept(tmp_path):
    path = tmp_path / "journal.jsonl"
    _write(path, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"number": 2, "ty\n')
    journal = Journal(path)
    assert len(journal.load()) == 1
    assert "damaged" in journal.remark
    journal.close()
    assert (tmp_path / "journal-dropped.jsonl").read_bytes() == b'{"number": 2, "ty\n'


@pytest.mark.parametrize("number", [1, 3, "2", None])
def test_whole_last_line_of_another_number_is_an_error(tmp_path, number):
    path = tmp_path / "journal.jsonl"
    _write(path, 1)
    content = path.read_bytes() + json.dumps({"number": number, "type": "clear"}).encode() + b"\n"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a damaged line 2"):
        Journal(path).load()
    assert path.read_bytes() == content


def test_nothing_is_written_to_a_journal_that_was_moved(tmp_path):
    path = tmp_path / "studio" / "journal.jsonl"
    _write(path, 1)
    journal = Journal(path)
    journal.load()
    path.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="moved or removed"):
        journal.append({"type": "clear"})
    assert journal.read(1)["type"] == "stroke"
    (tmp_path / "elsewhere").rename(path.parent)
    assert journal.append({"type": "clear"}) == 2
    journal.close()
    assert len(path.read_bytes().splitlines()) == 2
