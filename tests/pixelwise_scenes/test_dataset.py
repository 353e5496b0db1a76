import zlib

import numpy as np
import pytest
import yaml
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise_scenes import SCENE_CLASSES, scene, write_scenes
from pixelwise_scenes.fruit import FRUIT_CLASSES, fruit

SIZE = (48, 64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(out, 5, {"train": 2, "test": 1}, SIZE)
    return out


def test_layout_is_the_plain_one(root):
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    names = {"test": ["test-0000.png"], "train": ["train-0000.png", "train-0001.png"]}
    expected = [f"{s}/{kind}/{n}" for s in names for kind in ("images", "instances", "masks") for n in names[s]]
    assert files == ["classes.yaml", *sorted(expected)]


def test_files_hold_the_scene_of_their_key(root):
    drawn = scene((5, zlib.crc32(b"train"), 1), SIZE)
    with Image.open(root / "train/images/train-0001.png") as image:
        assert image.mode == "RGB"
        assert_array_equal(np.array(image), drawn.image)
    with Image.open(root / "train/masks/train-0001.png") as mask:
        assert mask.mode == "P"
        assert_array_equal(np.array(mask), drawn.label_map)
        assert_array_equal(np.array(mask.convert("RGB")), SCENE_CLASSES.palette()[drawn.label_map])
    with Image.open(root / "train/instances/train-0001.png") as instances:
        assert instances.mode == "I;16"
        assert_array_equal(np.array(instances), drawn.instance_map)


def test_classes_are_written_with_their_colours(root):
    content = yaml.safe_load((root / "classes.yaml").read_text(encoding="utf-8"))
    assert content["classes"][0] == {"name": "sky", "color": [142, 190, 230]}
    assert ClassMap.from_dict(content["classes"]) == SCENE_CLASSES


def test_a_second_writing_gives_the_same_bytes_and_a_larger_set_holds_the_smaller(root, tmp_path):
    write_scenes(tmp_path, 5, {"test": 2}, SIZE)
    for kind in ("images", "masks", "instances"):
        name = f"test/{kind}/test-0000.png"
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(OptionError, match="seed: found -1; expected 0 or more"):
        write_scenes(tmp_path, -1)


def test_fruit_has_classes_of_its_own(tmp_path):
    write_scenes(tmp_path, 5, {"train": 1}, SIZE, kind="fruit")
    drawn = fruit((5, zlib.crc32(b"train"), 0), SIZE)
    with Image.open(tmp_path / "train/instances/train-0000.png") as instances:
        assert_array_equal(np.array(instances), drawn.instance_map)
    content = yaml.safe_load((tmp_path / "classes.yaml").read_text(encoding="utf-8"))
    assert ClassMap.from_dict(content["classes"]) == FRUIT_CLASSES
