"""JSON, YAML and XML of anybody's: what is right is read as its own reader does, anything else is one error, soon."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest
import yaml

from pixelwise import documents
from pixelwise.documents import json_value, read_bytes, read_text, xml_root, yaml_value

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join(10 * [f'*a{i - 1}'])}]\n" for i in range(1, 9)
)
"""A billion values in 500 characters."""
USUAL = """\
path: ../data   # a comment
names: {0: "no", 1: yes, 2: 0x10, 3: 1_000, 4: 2.5e+3, 5: .inf, 6: 2020-01-02, 7: ~}
shared: &shared {color: [1, 2, 3]}
first: *shared
second:
  <<: *shared
  name: großes Haus
"""


def test_yaml_is_read_as_pyyaml_reads_it() -> None:
    assert yaml_value(USUAL) == yaml.safe_load(USUAL)
    assert yaml_value(USUAL)["second"] == {"color": [1, 2, 3], "name": "großes Haus"}
    assert yaml_value("") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "more than 50,000 values"),
        ("&a [*a]", r"an alias to what holds it \(\*a\)"),
        ("[" * 100_000, "nested too deep"),
        ("a: " * 100_000, "."),
        ("\n".join(" " * i + "a:" for i in range(100)), "nested too deep"),
        ("a" * 600_000, "600,000 characters, more than 524,288"),
        ("a: " + "9" * 5000, "a number of more than 100 digits"),
        ("a: " + ":".join(["1"] * 100_000), "a number of more than 100 digits"),
        ("a: " + "1" * 400 + ".0", "a number of more than 100 digits"),
        ("a: !!bool maybe", "."),
        ("a: !!int ''", "."),
        ("a: !!timestamp soon", "."),
        ("a: 2020-13-45", "month"),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("{[1]: 2}", "unhashable"),
        ("a: *nothing", "undefined alias"),
        ("a: \x00", "special characters are not allowed"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: [", "."),
    ],
)
def test_yaml_beyond_bounds(text: str, reason: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=reason) as raised:
        yaml_value(text)
    assert time.monotonic() - start < 10
    assert len(str(raised.value)) <= 300


def test_aliases_that_stand_for_little_are_read() -> None:
    text = "a: &a [1, 2]\nb: [" + ", ".join(["*a"] * 1000) + "]"
    assert yaml_value(text)["b"] == 1000 * [[1, 2]]


def test_json() -> None:
    text = json.dumps({"größe": [1, 2.5, None, True, "x"]})
    assert json_value(text) == json.loads(text)
    assert json_value(str(10**400)) == 10**400
    assert json_value(f"[7, {'9' * 5000}, -{'9' * 5000}]") == [7, math.inf, -math.inf]
    for text in ("[" * 100_000, '{"a":' * 100_000, '{"a": ' + "[" * 5000 + "]" * 5000 + "}"):
        with pytest.raises(ValueError, match="nested too deep"):
            json_value(text)
    with pytest.raises(ValueError, match="Expecting"):
        json_value('{"a": ')


def test_xml() -> None:
    root = xml_root('<?xml version="1.0" encoding="utf-8"?>\n<a b="1"><!-- no --><c>ä &amp; ö</c><c/></a>')
    assert (root.tag, root.attrib, [own.text for own in root.iterfind("c")]) == ("a", {"b": "1"}, ["ä & ö", None])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a DOCTYPE"),
        ("<a>" * 100_000, "nested too deep"),
        ("<a>&b;</a>", "undefined entity"),
        ("<a><b></a>", "mismatched tag"),
        ("", "no element found"),
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
