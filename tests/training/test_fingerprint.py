from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.formats import open_dataset
from pixelwise.training.data import SampleStore
from pixelwise.training.plan import fingerprint


def save_stacks(root: Path, pages: int, size: tuple[int, int]) -> None:
    for name in ("train-volume.tif", "train-labels.tif"):
        images = [Image.fromarray(np.full(size, 255 * (i % 2), np.uint8)) for i in range(pages)]
        images[0].save(root / name, save_all=True, append_images=images[1:])


def test_pages_of_a_stack_count_with_their_file(tmp_path: Path) -> None:
    save_stacks(tmp_path, 10, (12, 16))
    dataset = open_dataset(tmp_path)
    before = fingerprint(dataset)
    assert fingerprint(open_dataset(tmp_path)) == before
    store = SampleStore(dataset, dataset.splits["train"])
    assert [int(store[i].label_map.max()) for i in range(len(store))] == [0, 1, 0, 1, 0, 1, 0, 1]
    save_stacks(tmp_path, 10, (12, 32))
    assert fingerprint(open_dataset(tmp_path)) != before
