from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data import FORMATS, WRITTEN_FORMATS, open_dataset, write_dataset


def test_the_layout_is_recognised_or_given(save, tmp_path: Path) -> None:
    save("images/a.png")
    save("masks/a.png", [[0] * 8] * 6)
    objects = ("cityscapes", "dsb", "voc", "coco", "yolo", "cvat", "labelme")
    public = {"nnunet", "ctc", "retina", "pets", "loveda", "panoptic", "via"}
    assert set(FORMATS) == {"camvid", "sunrgbd", "sunrgbd13", "isbi", *objects, *public, "folders"}
    assert set(WRITTEN_FORMATS) == {"camvid", *objects, "folders"}
    assert open_dataset(str(tmp_path)).format == open_dataset(tmp_path, format="folders").format == "folders"
    with pytest.raises(DataError, match="trainannot/"):
        open_dataset(tmp_path, format="camvid")


def test_paths_that_are_no_directory(save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such directory"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="found a file"):
        open_dataset(save("a.png"))


def test_formats_that_do_not_exist(save, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of camvid, sunrgbd, sunrgbd13, isbi, cityscapes, dsb, voc"):
        open_dataset(tmp_path, format="nothing")
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
