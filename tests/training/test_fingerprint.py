from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import RunError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.training.fingerprint import fingerprint, hash_label_values
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.facts import Budget
from pixelwise.training.planning.plan import make_config
from pixelwise.training.resume import resume_config
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import SampleStore


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


def save_gray_masks(root: Path, list_of_classes: str) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True, exist_ok=True)
        for name in "ab":
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(root / split / f"images/{name}.png")
            mask = np.where(np.arange(32) < 16, 0, np.where(np.arange(32) < 24, 100, 200)).astype(np.uint8)
            Image.fromarray(np.tile(mask, (32, 1))).save(root / split / f"masks/{name}.png")
    (root / "classes.yaml").write_text(list_of_classes)


def test_a_run_does_not_go_on_with_masks_that_mean_something_else(tmp_path: Path) -> None:
    """The threshold changes what 100 stands for; no file of the fingerprint does."""
    save_gray_masks(tmp_path / "data", "classes: [ground, cell]\nthreshold: 150\n")
    first = open_dataset(tmp_path / "data")
    run = RunDirectory(tmp_path / "run")
    options = TrainOptions(model="segnet", width=0.06, epochs=1)
    make_config(options, first, check(first), Budget()).save(run.config)
    assert resume_config(run, first, TrainOptions(resume=True)).labels == hash_label_values(first)
    (tmp_path / "data/classes.yaml").write_text("classes: [ground, cell]\nthreshold: 50\n")
    second = open_dataset(tmp_path / "data")
    assert fingerprint(second) == fingerprint(first)
    with pytest.raises(
        RunError, match=r"found a run whose mask values stood for other classes; .*Restore classes\.yaml"
    ):
        resume_config(run, second, TrainOptions(resume=True))
