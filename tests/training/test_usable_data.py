from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.data.dataset import Dataset
from pixelwise.training.options import TrainOptions
from pixelwise.training.progress_display import Display
from pixelwise.training.usable_data import select_usable_data


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four images of two squares, one of them in val; that called 1 has no instance map."""
    for number in range(4):
        root = tmp_path / ("val" if number == 3 else "train")
        ids = np.zeros((32, 32), np.uint8)
        ids[4:10, 4:10], ids[16:28, 8 + number : 20] = 1, 2
        photo = np.full((32, 32, 3), 40 * number, np.uint8)
        for folder, pixels in (("images", photo), ("masks", np.minimum(ids, 1)), ("instances", ids)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
    (tmp_path / "train/instances/1.png").unlink()
    return open_dataset(tmp_path)


def usable(dataset: Dataset, options: TrainOptions) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    left, survey, skipped = select_usable_data(dataset, check(dataset), options, Display(quiet=True))
    return [item.name for _, item in left.items()], [problem.kind for problem in survey.problems], skipped


def test_a_semantic_model_learns_from_masks_without_instance_maps(dataset: Dataset) -> None:
    assert usable(dataset, TrainOptions()) == (["0", "1", "2", "3"], [], [])


def test_an_instance_model_learns_from_no_image_whose_objects_have_no_ids(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"1 image that would spoil .* found no instance map"):
        usable(dataset, TrainOptions(task="instance"))
    names, kinds, skipped = usable(dataset, TrainOptions(task="instance", skip_bad=True))
    assert (names, kinds) == (["0", "2", "3"], [])
    assert [Path(file).name for file, _ in skipped] == ["1.png"]
