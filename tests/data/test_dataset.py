"""A data set as a sequence of samples, for loaders of other libraries, and the values that it is made of."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal
from torch.utils.data import DataLoader

from pixelwise.core.errors import MaskError, OptionError
from pixelwise.data import dataset as dataset_module
from pixelwise.data import layout, open_dataset
from pixelwise.data.dataset import Dataset, Item, Source, source_of


@pytest.fixture
def data(save, tmp_path: Path) -> Dataset:
    """Three images to train on, `0` to `2`, one for validation, and objects; the mask of image n holds n or 0."""
    for number, split in enumerate(("train", "train", "train", "val")):
        save(f"{split}/images/{number}.png")
        save(f"{split}/masks/{number}.png", [[number] * 8] + [[0] * 8] * 5)
        save(f"{split}/instances/{number}.png", [[7] * 8] + [[0] * 8] * 5)
    (tmp_path / "classes.yaml").write_text("classes: [a, b, c, d]\n")
    return open_dataset(tmp_path)


def test_samples_are_had_by_their_places_over_all_splits(data: Dataset) -> None:
    assert len(data) == len(list(data)) == 4
    assert [int(sample["label_map"].max()) for sample in data] == [0, 1, 2, 3]
    assert int(data[-1]["label_map"].max()) == 3
    sample = data[1]
    assert {name: (array.dtype.name, array.shape) for name, array in sample.items()} == {
        "image": ("uint8", (6, 8, 3)),
        "label_map": ("uint8", (6, 8)),
        "instance_map": ("int32", (6, 8)),
    }
    assert_array_equal(sample["label_map"], [[1] * 8] + [[0] * 8] * 5)
    assert_array_equal(sample["image"], data.read_image(data.splits["train"][1]))
    for beyond in (4, -5):
        with pytest.raises(IndexError):
            data[beyond]


def test_a_split_is_a_data_set(data: Dataset) -> None:
    assert [int(sample["label_map"].max()) for sample in data.split("val")] == [3]
    assert list(data.split("train").splits) == ["train"]
    with pytest.raises(OptionError, match="found 'test'; expected one of the data set's splits: train, val"):
        data.split("test")


def test_data_without_objects_have_no_instance_map(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", [[0, 1] * 4] * 6)
    assert set(open_dataset(tmp_path)[0]) == {"image", "label_map"}


def test_a_loader_of_torch_reads_it_in_other_processes(data: Dataset) -> None:
    loader = DataLoader(data.split("train"), batch_size=3, num_workers=2)
    (batch,) = loader
    assert batch["image"].shape == (3, 6, 8, 3)
    assert batch["label_map"][:, 0, 0].tolist() == [0, 1, 2]
    assert batch["label_map"][:, 1].sum() == 0
    for image, sample in zip(batch["image"].numpy(), data.split("train"), strict=True):
        assert_array_equal(image, sample["image"])


def test_an_entry_of_an_annotation_file_is_named_beside_the_file(save, tmp_path: Path) -> None:
    save("images/street/a.png")
    size = {"width": 8, "height": 6}
    images = [{"id": 1, "file_name": "street/a.png", **size}]
    outline = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]]}
    content = {"images": images, "annotations": [outline], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "labels.json").write_text(json.dumps(content))
    data = open_dataset(tmp_path)
    ((_, item),) = data.items()
    assert (item.mask, item.entry) == (tmp_path / "labels.json", "street/a.png")
    assert str(source_of(item)) == str(source_of(item).path) == f"{tmp_path}/labels.json/street/a.png"
    assert_array_equal(data[0]["label_map"], [[1] * 4 + [0] * 4] * 6)


def test_sources_of_files_and_of_nothing(tmp_path: Path) -> None:
    assert str(Source(tmp_path / "a.png")) == str(tmp_path / "a.png")
    assert Source(tmp_path / "a.png").path == tmp_path / "a.png"
    with pytest.raises(MaskError, match="no mask"):
        source_of(Item("a", tmp_path / "a.png"))


@pytest.mark.parametrize("examples", [dataset_module.Source, layout.Layout])
def test_examples_of_docstrings(examples: type) -> None:
    tests = doctest.DocTestFinder(recurse=False).find(examples, examples.__name__)
    results = [doctest.DocTestRunner().run(test) for test in tests if test.examples]
    assert results
    assert sum(result.failed for result in results) == 0
