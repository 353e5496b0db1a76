from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from pixelwise.core.documents import xml_root
from pixelwise.data.annotation_files import keys_in, parse_json, parse_yaml

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_that_says_itself(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(MARKS.get(encoding, b"") + '{"größe" : [1], "b": {"c": 2}}'.encode(encoding))
    assert parse_json(path) == {"größe": [1], "b": {"c": 2}}
    assert parse_yaml(path) == {"größe": [1], "b": {"c": 2}}
    assert keys_in(path, ("größe", "c", "d", "1")) == {"größe", "c"}


def test_a_key_within_a_text_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(r'{"a": "\"images\": []", "b": "images"}')
    assert keys_in(path, ("a", "images")) == {"a"}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\xff", b"\xff", b"[" * 30000, b"{a: " * 3000])
def test_damaged_files_raise_one_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        parse_json(path)
    if len(data) > 100:
        with pytest.raises(ValueError, match="nested too deep"):
            parse_yaml(path)
    assert keys_in(path, ("a",)) == set()


COCO = '{\n "images": [{"id": 1, "file_name": "a b.png"}],\n "annotations": [{"id": 12, "flag": true, "x": -1.5}]\n}'


def test_json_that_is_cut_off_anywhere_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for length in range(1, len(COCO) - 1):
        path.write_text(COCO[:length])
        text = COCO[:length].rstrip()
        with pytest.raises(ValueError, match="cut off") as caught:
            parse_json(path)
        assert f"ends at byte {len(text)}, on line {text.count(chr(10)) + 1}, " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (" \n\0\0", "it is empty"),
        ('{"a": 1,\n "b" 2, "c": "and so on and on"}', r"line 2, column 6: Expecting ':'"),
        ('{"a": 1} x', r"line 1, column 10: Extra data"),
        ("<html>", r"line 1, column 1: Expecting value"),
    ],
)
def test_json_that_is_damaged_says_how(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        parse_json(path)


@pytest.mark.parametrize("text", ["<a><b/>", "<a><b x='1", "<a", "<a><![CDATA[x", "<a>text"])
def test_xml_that_is_cut_off_says_where(text: str) -> None:
    with pytest.raises(ValueError, match=f"it is cut off: its text ends at byte {len(text)}, on line 1"):
        xml_root(text)


def test_xml_that_is_damaged_keeps_expats_words() -> None:
    with pytest.raises(ValueError, match="mismatched tag: line 1, column 5"):
        xml_root("<a></b>")
    with pytest.raises(ValueError, match="it is empty"):
        xml_root(" ")
