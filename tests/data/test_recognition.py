"""Layouts of other packages: one that fails spoils no other data set, and says what is wrong with itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, ExtensionError, MaskError, OptionError
from pixelwise.data import open_dataset, write_dataset, written_layouts
from pixelwise.data.dataset import Dataset, Item, Labels
from pixelwise.data.layout import Layout
from pixelwise.data.layouts import LAYOUTS
from pixelwise.data.splits import group_by_split
from pixelwise.raster.image import write_png


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plain data set; layouts that a test registers are forgotten."""
    monkeypatch.setattr(LAYOUTS, "_entries", dict(LAYOUTS._entries))
    write_png(tmp_path / "photos" / "images" / "a.png", np.full((4, 4, 3), 90, np.uint8))
    write_png(tmp_path / "photos" / "masks" / "a.png", np.eye(4, dtype=np.uint8))
    return tmp_path / "photos"


def register(result: Callable[[Item], Any]) -> None:
    """Register a layout of PNG images whose `read_labels` is `result`."""

    def read(root: Path, images_root: Path | None) -> Dataset:
        items = [(None, Item(file.stem, file, file)) for file in root.glob("images/*.png")]
        return Dataset(root, "odd", ClassMap.from_names(["wall", "crack"]), group_by_split(items), result)

    LAYOUTS.register("odd", Layout("odd", read))


def test_a_layout_that_cannot_be_loaded_is_passed_over_with_a_remark(photos: Path) -> None:
    LAYOUTS.register("broken", "nosuch:LAYOUT")
    LAYOUTS.register("list", "string:digits")  # a text, no layout
    dataset = open_dataset(photos)
    remarks = [problem.message for problem in dataset.problems if problem.kind == "passed_over"]
    assert dataset.format == "folders"
    assert len(remarks) == 2
    assert "layout 'broken' (nosuch:LAYOUT) cannot be used: found ModuleNotFoundError: No module" in remarks[0]
    assert "found an object of the type str; expected a `pixelwise.data.layout.Layout`" in remarks[1]
    with pytest.raises(ExtensionError, match=r"layout 'broken' \(nosuch:LAYOUT\): found ModuleNotFoundError"):
        open_dataset(photos, format="broken")
    assert "broken" not in written_layouts()
    (photos / "masks" / "a.png").unlink()
    (photos / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"The layout 'broken' .* cannot be used"):
        open_dataset(photos)


def test_what_a_layout_raises_by_mistake_names_it(photos: Path) -> None:
    def fail(*places: Path | None) -> Any:
        raise KeyError("size")

    LAYOUTS.register("odd", Layout("odd", fail, fail, fail))
    assert "found KeyError: 'size' (" in open_dataset(photos).problems[-1].message
    with pytest.raises(ExtensionError, match=r"layout 'odd': found KeyError: 'size' .*; expected a `Dataset`"):
        open_dataset(photos, format="odd")
    with pytest.raises(ExtensionError, match="layout 'odd': found KeyError"):
        write_dataset(open_dataset(photos), "odd", photos / "out")


def test_read_has_to_return_a_data_set(photos: Path) -> None:
    LAYOUTS.register("odd", Layout("odd", lambda root, images_root: [root]))  # type: ignore[arg-type,return-value]
    with pytest.raises(ExtensionError, match="an object of the type list from `read`; expected a `Dataset`"):
        open_dataset(photos, format="odd")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((4, 4), np.uint8), "an object of the type ndarray from `read_labels`; expected `Labels`"),
        (Labels(np.zeros((4, 4))), r"float64 \(4, 4\) as the label map"),  # type: ignore[arg-type]
        (Labels(np.zeros((4, 4), np.uint8), np.zeros(4, np.int32)), r"int32 \(4,\) as the instance map"),
        (Labels([[0]]), "an object of the type list as the label map"),  # type: ignore[arg-type]
    ],
)
def test_labels_are_checked(photos: Path, labels: object, message: str) -> None:
    register(lambda item: labels)
    dataset = open_dataset(photos, format="odd")
    with pytest.raises(ExtensionError, match=message):
        dataset.read(dataset.splits["train"][0])


def test_values_that_are_no_class_are_refused(photos: Path) -> None:
    register(read_two)
    dataset = pickle.loads(pickle.dumps(open_dataset(photos, format="odd")))  # as workers of a loader get it
    with pytest.raises(MaskError, match=r"found the value 2; expected class indices 0..1, and 255"):
        dataset.read(dataset.splits["train"][0])


def read_two(item: Item) -> Labels:
    return Labels(np.full((4, 4), 2, np.uint8))


def test_a_layout_that_is_read_only_says_so(photos: Path) -> None:
    with pytest.raises(
        OptionError, match="to: found 'via', a layout that can be read but not written; expected one of"
    ):
        write_dataset(open_dataset(photos), "via", photos / "out")
    with pytest.raises(OptionError, match=r"to: found 'coc' \(did you mean coco.*\); expected one of camvid"):
        write_dataset(open_dataset(photos), "coc", photos / "out")
