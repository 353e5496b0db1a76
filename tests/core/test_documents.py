"""JSON and XML of anybody's: what is right is read as its own reader does, anything else is one error, soon."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from pixelwise.core import documents
from pixelwise.core.documents import json_value, read_bytes, read_text, xml_root


def test_json() -> None:
    text = json.dumps({"größe": [1, 2.5, None, True, "x"]})
    assert json_value(text) == json.loads(text)
    assert json_value(str(10**400)) == 10**400
    assert json_value(f"[7, {'9' * 5000}, -{'9' * 5000}]") == [7, math.inf, -math.inf]
    for text in ("[" * 100_000, '{"a":' * 100_000, '{"a": ' + "[" * 5000 + "]" * 5000 + "}"):
        with pytest.raises(ValueError, match="nested too deep"):
            json_value(text)
    with pytest.raises(ValueError, match="it is cut off"):
        json_value('{"a": ')


def test_xml() -> None:
    root = xml_root('<?xml version="1.0" encoding="utf-8"?>\n<a b="1"><!-- no --><c>ä &amp; ö</c><c/></a>')
    assert (root.tag, root.attrib, [child.text for child in root.iterfind("c")]) == ("a", {"b": "1"}, ["ä & ö", None])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a DOCTYPE"),
        ("<a>" * 100_000, "nested too deep"),
        ("<a>&b;</a>", "undefined entity"),
        ("<a><b></a>", "mismatched tag"),
        ("", "it is empty"),
        ("<a>\x00</a>", "."),
    ],
)
def test_xml_beyond_bounds(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        xml_root(text)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("ä".encode("utf-16"))
    assert read_text(path) == "ä"
    assert len(read_bytes(path, 4)) == 4
    with pytest.raises(ValueError, match="4 bytes, more than 3"):
        read_bytes(path, 3)
    with pytest.raises(ValueError, match="a folder, pipe or device"):
        read_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "b.txt")
    assert documents.MAX_BYTES == 2 * 1024**3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of files are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match="a folder, pipe or device"):
        read_bytes(tmp_path / "a.json")
