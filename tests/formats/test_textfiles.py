from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from pixelwise.formats.textfiles import keys_in, parse_json, parse_yaml

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
