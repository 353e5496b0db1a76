"""Entries come back as they were put, and the folder stays within its limit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.labels.feature_cache import FeatureCache


def entry(value: int) -> dict[str, np.ndarray]:
    """Return some 1,100 bytes."""
    return {"a": np.full(250, value, np.int32), "b": np.array([value], np.float16)}


def test_entries_come_back(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "new", 10**6)
    assert cache.get("x/../\ud800") is None
    cache.put("x/../\ud800", entry(1))
    cache.put("y", entry(2))
    cache.put("y", entry(3))
    assert "y" in cache
    arrays = cache.get("x/../\ud800")
    assert arrays is not None
    assert_array_equal(arrays["a"], np.full(250, 1))
    assert cache.get("y")["b"] == [3]  # type: ignore[index]
    assert cache.total_bytes == sum(file.stat().st_size for file in (tmp_path / "new").iterdir())
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 3500)
    for name in "abc":
        cache.put(name, entry(0))
    cache.get("a")
    cache.put("d", entry(0))
    assert [name in cache for name in "abcd"] == [True, False, True, True]
    assert len(list(tmp_path.iterdir())) == 3


def test_the_last_entry_stays_however_large(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 0)
    cache.put("a", entry(0))
    cache.put("b", entry(1))
    assert ["a" in cache, "b" in cache] == [False, True]


def test_a_later_process_goes_on(tmp_path: Path) -> None:
    """It finds the entries, and knows by their files which were used last."""
    cache = FeatureCache(tmp_path, 10**6)
    for name in "abc":
        cache.put(name, entry(0))
    for age, name in ((30, "b"), (20, "c"), (10, "a")):
        cache.get(name)
        newest = max(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (1e9 - age, 1e9 - age))
    (tmp_path / "other.txt").write_text("stays")
    again = FeatureCache(tmp_path, 3500)
    assert [name in again for name in "abc"] == [True] * 3
    again.put("d", entry(0))
    assert [name in again for name in "abcd"] == [True, False, True, True]
    assert (tmp_path / "other.txt").is_file()


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, None])
def test_a_damaged_entry_is_none(content: bytes | None, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 10**6)
    cache.put("a", entry(0))
    (file,) = tmp_path.iterdir()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert cache.get("a") is None
    assert "a" not in cache
    assert not file.exists()


def test_a_negative_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="max_bytes: found -1"):
        FeatureCache(tmp_path, -1)
