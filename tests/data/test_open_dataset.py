from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import DataError, OptionError
from pixelwise.data import open_dataset, write_dataset, written_layouts
from pixelwise.data.dataset import Dataset, Item, labels_from_files
from pixelwise.data.layout import Layout
from pixelwise.data.layouts import LAYOUTS
from pixelwise.data.splits import group_by_split
from pixelwise.data.writing import copy_image, new_directory
from pixelwise.extensions import register_layout
from pixelwise.raster.image import read_values, write_png

FORMATS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"


def test_the_layout_is_recognised_or_given(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", [[0] * 8] * 6)
    assert open_dataset(str(tmp_path)).format == open_dataset(tmp_path, format="folders").format == "folders"
    with pytest.raises(DataError, match="trainannot/"):
        open_dataset(tmp_path, format="camvid")


def test_the_table_of_the_documentation_is_that_of_the_layouts() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \|.*\| (yes|no) \|$", FORMATS_PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == len({name for name, *_ in rows}) == 19
    assert {name for name, *_ in rows} == set(LAYOUTS)
    for name, title, written in rows:
        assert (LAYOUTS[name].title, LAYOUTS[name].write is not None) == (title, written == "yes")
    asked_for = {name for name in LAYOUTS if LAYOUTS[name].recognise is None}
    assert asked_for == {"sunrgbd13", "folders"}


def read_cracks(root: Path, images_root: Path | None) -> Dataset:
    items = [
        (None, Item(file.name[:-6], file, file.with_name(f"{file.name[:-6]}.crack"))) for file in root.glob("*.x.png")
    ]
    read_labels = labels_from_files(lambda path: np.loadtxt(path, np.uint8, ndmin=2))
    return Dataset(root, "cracks", ClassMap.from_names(["sound", "crack"]), group_by_split(items), read_labels)


def write_cracks(dataset: Dataset, out: Path) -> None:
    with new_directory(out) as temporary:
        for item in dataset.splits["train"]:
            copy_image(item, temporary).rename(temporary / f"{item.name}.x.png")
            np.savetxt(temporary / f"{item.name}.crack", dataset.read_labels(item).label_map, "%d")


def test_a_layout_from_outside_is_recognised_before_folders_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label_map = np.eye(4, dtype=np.uint8)
    write_png(tmp_path / "data" / "images" / "a.png", np.full((4, 4, 3), 90, np.uint8))
    write_png(tmp_path / "data" / "masks" / "a.png", label_map)
    plain = open_dataset(tmp_path / "data")
    assert plain.format == "folders"

    monkeypatch.setattr(LAYOUTS, "_entries", dict(LAYOUTS._entries))
    register_layout("cracks", Layout("cracks", read_cracks, lambda root: any(root.glob("*.crack")), write_cracks))
    assert "cracks" in written_layouts()
    write_dataset(plain, "cracks", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.crack", "a.x.png"]
    dataset = open_dataset(tmp_path / "out")
    assert (dataset.format, dataset.classes.names) == ("cracks", ("sound", "crack"))
    ((split, item),) = dataset.items()
    assert (split, item.name) == ("train", "a")
    assert_array_equal(dataset.read(item).label_map, label_map)
    assert_array_equal(dataset.read(item).image, read_values(tmp_path / "data" / "images" / "a.png"))
    assert open_dataset(tmp_path / "data").format == "folders"
    with pytest.raises(OptionError, match=r"format: found 'crack' \(did you mean cracks\?\); expected one of camvid"):
        open_dataset(tmp_path / "out", format="crack")


def test_paths_that_are_no_directory(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such directory"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="found a file"):
        open_dataset(save("a.png"))


def test_formats_that_do_not_exist(save, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of camvid, sunrgbd, sunrgbd13, isbi, cityscapes, dsb, voc"):
        open_dataset(tmp_path, format="nothing")
    with pytest.raises(OptionError, match=r"format: found 'cocoa' \(did you mean coco\?\)"):
        open_dataset(tmp_path, format="cocoa")
    save("images/a.png")
    save("masks/a.png", [[0] * 8] * 6)
    with pytest.raises(OptionError, match="to: found"):
        write_dataset(open_dataset(tmp_path), "nothing", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("data.zip", b"PK\x05\x06" + bytes(18), "found an archive; .* Unpack it, for example into data/"),
        ("data.tar.gz", b"", "found an archive; .* Unpack it"),
        ("annotations/a.json", b'{"images": [], "annotations": []}', "found a file of COCO's; .* its images: {root}"),
        ("via.json", b'{"a": {"shape_attributes": {}}}', "found a file of VIA's; .* its images: {root}"),
        ("data.yaml", b"names: [cat]", "found a file of annotations; .* its images: {root}"),
        ("a.png", b"", "found a file; .* Pass the directory in which it lies"),
    ],
)
def test_a_file_in_place_of_a_directory(tmp_path: Path, name: str, content: bytes, remedy: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=remedy.format(root=tmp_path)):
        open_dataset(tmp_path / name)
