"""Samples on disk: they come back as they were, and leave nothing behind."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data.dataset import Sample
from pixelwise.training import sample_cache
from pixelwise.training.sample_cache import SampleFile


def sample(height: int, width: int, objects: bool) -> Sample:
    rng = np.random.default_rng(height)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    label_map = np.asfortranarray(rng.integers(0, 256, (height, width), np.uint8))
    return Sample(image, label_map, rng.integers(0, 2**31, (height, width), np.int32) if objects else None)


def test_samples_come_back_in_any_order_and_with_their_objects(tmp_path: Path) -> None:
    file = SampleFile(tmp_path / "run")
    samples = {7: sample(3, 5, True), 2: sample(11, 1, False), 4: sample(1, 1, True)}
    for index, given in samples.items():
        assert file.get(index) is None
        file.add(index, given)
    for index in (2, 4, 7, 2):
        stored, given = file.get(index), samples[index]
        assert stored is not None
        assert np.array_equal(stored.image, given.image)
        assert np.array_equal(stored.label_map, given.label_map)
        assert (stored.instance_map is None) == (given.instance_map is None)
        if given.instance_map is not None:
            assert np.array_equal(stored.instance_map, given.instance_map)
            assert stored.instance_map.dtype == np.int32
        assert not stored.image.flags.writeable


def test_no_file_is_seen(tmp_path: Path) -> None:
    file = SampleFile(tmp_path / "run")
    file.add(0, sample(2, 2, False))
    assert list((tmp_path / "run").iterdir()) == []


def test_a_disk_without_room_to_spare_keeps_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, given = SampleFile(tmp_path), sample(10, 10, False)
    room = sample_cache.SPARE_BYTES + 400
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(sample_cache.shutil, "disk_usage", lambda folder: usage(room))
    file.add(0, given)  # 400 bytes
    assert file.get(0) is not None
    room -= 1
    file.add(1, given)
    assert file.get(1) is None


def test_a_write_that_fails_keeps_what_was_there_and_goes_on_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, first, last = SampleFile(tmp_path), sample(4, 4, True), sample(5, 3, False)
    file.add(0, first)
    with monkeypatch.context() as patched:

        def full(array: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(sample_cache.np, "ascontiguousarray", full)
        file.add(1, last)
    assert file.get(1) is None
    file.add(2, last)
    for index, given in ((0, first), (2, last)):
        stored = file.get(index)
        assert stored is not None
        assert np.array_equal(stored.image, given.image)
        assert np.array_equal(stored.label_map, given.label_map)
