"""Training for things and stuff, from the command to files that are read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.loading import load
from pixelwise.metrics.panoptic import PanopticScores

SIZE = 64
SKY, DISC, GROUND = range(3)


def scene(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A gray image of bright discs before sky and ground, its label map and its instance map."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    label_map = np.where(rows > rng.uniform(35, 50), GROUND, SKY).astype(np.uint8)
    instance_map = np.zeros((SIZE, SIZE), np.uint16)
    for number, (row, column) in enumerate(rng.uniform(10, SIZE - 10, (4, 2)), start=1):
        disc = (np.hypot(rows - row, columns - column) < rng.uniform(6, 9)) & (instance_map == 0)
        instance_map[disc], label_map[disc] = number, DISC
    image = np.array([40, 200, 120])[label_map] + rng.normal(0, 8, label_map.shape)
    image = np.repeat(image.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return {"images": image, "masks": label_map, "instances": instance_map}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    for split, count in {"train": 12, "val": 2, "test": 3}.items():
        for index in range(count):
            for folder, values in scene(rng).items():
                path = root / split / folder / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    (root / "classes.yaml").write_text("classes: [sky, disc, ground]\n")
    return root


def test_a_panoptic_model_from_training_to_files(
    data: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """After so few steps stuff is known, and the discs that are found have a class and an id at the same pixels."""
    out = tmp_path / "run"
    options = ("--model", "fpn", "--encoder", "test_resnet", "--no-pretrained", "--epochs", "16")
    assert run("train", data, "--out", out, "--task", "panoptic", *options) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"pq", "pq_things", "pq_stuff", "sq", "rq", "miou", "val_pq"} <= metrics.keys()
    assert "val_pq" in (out / "history.csv").read_text().splitlines()[0]
    report = (out / "report.html").read_text()
    assert all(text in report for text in ("Panoptic quality", "PQ of things", "PQ of stuff", "Worst predictions"))
    assert metrics["pq_stuff"] > 0.5
    assert metrics["miou"] > 0.5

    predictor, dataset = load(out), open_dataset(data)
    scores = evaluate(predictor, dataset, "test")
    assert isinstance(scores, PanopticScores)
    again = scores.to_json_dict()
    assert {key: metrics[key] for key in again if key != "remarks"} | {"remarks": again["remarks"]} == again
    assert (predictor.info.task, predictor.info.channels, predictor.info.grouping.things) == ("panoptic", 6, (DISC,))

    capsys.readouterr()
    assert run("evaluate", out, data) == 0
    assert "PQ of stuff" in capsys.readouterr().out
    folder = tmp_path / "found"
    assert (
        run("predict", out, data / "test" / "images", "--out", folder, "--as", "mask,instances,panoptic,overlay") == 0
    )
    for index in range(3):
        mask, ids = (np.array(Image.open(folder / f"{index}{end}.png")) for end in ("", "_instances"))
        assert ((mask == DISC) == (ids > 0)).all()
    for path in (data / "test" / "images").iterdir():
        (folder / path.name).unlink()
        (folder / path.name).write_bytes(path.read_bytes())
    read = open_dataset(folder, "panoptic")
    for item in (item for items in read.splits.values() for item in items):
        sample, result = read.read(item), predictor.predict(read.read(item).image)
        assert (sample.label_map == result.label_map).all()
        assert ((sample.instance_map > 0) == (result.instances.instance_map > 0)).all()
