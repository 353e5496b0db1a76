"""What the exported live model learns from, how it sees images, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import DataError, OptionError
from pixelwise.data import open_dataset
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping import group_pixels
from pixelwise.instances.grouping_parameters import WAISTS, GroupingParameters
from pixelwise.labels import export, features
from pixelwise.labels.export import export_live_model
from pixelwise.labels.features import CONTEXT, ArrayImage, shared_extractor
from pixelwise.labels.live import LiveModel
from pixelwise.labels.pixel_samples import LabelledPixels
from pixelwise.labels.proposals import propose_objects
from pixelwise.modelfile.info import ModelInfo

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be written: net, metadata, path. The command's test writes a file."""
    calls: list[Any] = []
    monkeypatch.setattr(export, "export_onnx", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(export, "SETTLED_STEPS", 20)
    return calls


def write_image(folder: Path, name: str, size: tuple[int, int], seed: int, classes: tuple[int, ...] = (0, 1)) -> None:
    """Write an image, and strokes of classes in it."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 90, (*size, 3), np.uint8)
    image[:, size[1] // 2 :] += 120
    mask = np.full(size, 255, np.uint8)
    for place, class_index in enumerate(classes):
        mask[4:10, place * size[1] // 2 :][:, 4:20] = class_index
    Image.fromarray(image).save(folder / "images" / f"{name}.png")
    Image.fromarray(mask).save(folder / "masks" / f"{name}.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    write_image(folder, "a", (64, 96), 0)
    write_image(folder, "b", (70, 90), 1)
    (folder / "classes.yaml").write_text("classes: [ground, leaf, stem]\nignore: 255\n")
    return folder


def test_it_is_fitted_as_the_live_model_is(photos: Path, tmp_path: Path, written: list[Any]) -> None:
    result = export_live_model(photos, tmp_path / "live.onnx")
    ((net, info, path),) = written
    model = LiveModel(3, tmp_path / "features")
    dataset = open_dataset(photos)
    for item in (item for items in dataset.splits.values() for item in items):
        model.add_image(item.name, ArrayImage(dataset.read_image(item)))
        model.set_labels(item.name, ArrayImage(dataset.read_labels(item).label_map))
    for key, tile in model.missing_tiles():
        model.compute_features(key, tile)
    model.fit(steps=20)
    head = model._head
    assert head is not None
    weight, bias = head.folded()
    assert torch.allclose(net.first_bias.flatten(), bias, atol=1e-3)
    assert torch.allclose(net.first_6.flatten(1), weight[:, -320:], atol=1e-5)
    assert (result.images, result.pixels, result.scale) == (2, 2 * 2 * 6 * 16, 2)
    assert result.remarks == ("Without a label, and so never predicted: stem.",)
    assert path == tmp_path / "live.onnx"
    assert (info.classes.names, info.stride, info.tile, info.options) == (
        ("ground", "leaf", "stem"),
        16,
        768,
        {"scale": 2},
    )
    assert 3 / 8 * info.overlap * 2 >= CONTEXT
    assert ModelInfo.from_json(info.to_json(), path) == info


def test_images_of_both_kinds_are_told(
    photos: Path, tmp_path: Path, written: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "ENLARGED_PIXELS", 64 * 96)  # b is larger
    result = export_live_model(photos, tmp_path / "live.onnx")
    assert result.scale == 1
    assert "1 labelled image of 2 have at most 640 x 640 pixels" in result.remarks[0]
    info = written[0][1]
    assert (info.stride, info.tile) == (32, 1280)
    assert 3 / 8 * info.overlap >= CONTEXT


def test_test_images_teach_nothing(photos: Path, tmp_path: Path, written: list[Any]) -> None:
    write_image(photos, "c", (64, 96), 2, classes=(2, 2))
    (photos / "train.txt").write_text("a\nb\n")
    (photos / "test.txt").write_text("c\n")
    result = export_live_model(photos, tmp_path / "live.onnx")
    assert result.images == 2
    assert not written[0][0].last.view(4, 3, 32)[:, 2].any()


def test_labels_of_one_class_are_too_few(photos: Path, tmp_path: Path, written: list[Any]) -> None:
    for name in "ab":
        write_image(photos, name, (64, 96), 0, classes=(1, 1))
    with pytest.raises(DataError, match="labels of 1 class; expected labels of two classes or more"):
        export_live_model(photos, tmp_path / "live.onnx")
    assert not written


def test_labels_with_objects_give_a_model_of_objects(tmp_path: Path, written: list[Any]) -> None:
    """Those that the studio would propose on the same label map, whose border then belongs to the objects."""
    folder = tmp_path / "cells"
    for name, seed in (("a", 0), ("b", 1)):
        write_image(folder, name, (64, 96), seed, classes=(0, 2))
        (folder / "instances").mkdir(exist_ok=True)
        mask = np.array(Image.open(folder / "masks" / f"{name}.png"))
        mask[40:50, 60:90] = 1  # the border
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        Image.fromarray((mask == 2).astype(np.uint16)).save(folder / "instances" / f"{name}.png")
    (folder / "classes.yaml").write_text("classes: [background, border, cell]\nignore: 255\n")
    assert export_live_model(folder, tmp_path / "live.onnx").remarks == ()
    ((net, info, _),) = written
    assert (info.task, info.grouping) == ("instance", GroupingParameters((1,), least_area=1, by=WAISTS))
    assert info.classes.names == ("background", "cell")
    image = np.array(Image.open(folder / "images" / "a.png"))
    with torch.no_grad():
        scores, logits = (layer(torch.from_numpy(image)[None])[0].numpy() for layer in (net.net, net))
    predicted = scores.argmax(axis=0).astype(np.uint8)
    assert {0, 1, 2} == set(np.unique(predicted).tolist())
    expected, _ = propose_objects(predicted, open_dataset(folder).classes)
    objects = group_pixels(CentreOffsetMaps.from_logits(logits, (1,)), info.grouping)
    assert_array_equal(objects.instance_map, expected)
    assert_array_equal(objects.class_index, 1)
    assert_array_equal(logits[:2].argmax(axis=0), predicted > 0)


def test_another_ending_is_refused(photos: Path) -> None:
    with pytest.raises(OptionError, match=r"Use `out='live.onnx'`"):
        export_live_model(photos, "live.pt")


def test_features_of_parts_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image whose parts have all of it as their context."""
    monkeypatch.setattr(features, "ENLARGED_PIXELS", 0)
    rng = np.random.default_rng(0)
    image = ArrayImage(rng.integers(0, 256, (64, 96, 3), np.uint8))
    rows, columns = rng.integers(0, 64, 50).astype(np.int32), rng.integers(0, 96, 50).astype(np.int32)
    pixels = LabelledPixels(rows, columns, np.zeros(50, np.uint8))
    expected = shared_extractor(3).compute(image, (0, 0, 64, 96), 2).columns(rows, columns)
    monkeypatch.setattr(export, "TILE", 64)
    result = export._features_at(shared_extractor(3), image, (0, 0, 64, 96), pixels, 2)
    assert np.allclose(result, expected, atol=2e-2)
