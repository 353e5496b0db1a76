"""The suites in miniature: small data, a stand-in for training, and the same tables and pages as the real ones."""

from __future__ import annotations

import ast
import csv
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab import classics, front, growth, labels, minutes, nuclei, objects, peers, predict, resume, scan, sparse
from lab.ilastik_bank import compute_bank
from lab.peer import Peer
from lab.schedule import images_per_second, run_suite, score_validation
from lab.store import ROOT, Places, Store
from pixelwise.data import open_dataset

Train = Callable[[Path, Path, float, Sequence[str]], dict[str, Any]]

PERFECT = """
import shutil, sys
from pathlib import Path
data, out, *options = sys.argv[1:]
for split in ("val", "test"):
    shutil.copytree(Path(data, split, "masks"), Path(out, split))
Path(out, "done.json").write_text('{"ms_an_image": 12.0}')
"""
"""A peer that predicts the truth."""
PERFECT_OBJECTS = """
import json, shutil, sys
from pathlib import Path
import numpy as np
from PIL import Image
data, out, *options = sys.argv[1:]
for split in ("val", "test"):
    Path(out, split).mkdir(parents=True)
    for name in Path(data, f"{split}.txt").read_text().split():
        ids = np.asarray(Image.open(Path(data, "instances", f"{name}.png")))
        shutil.copy(Path(data, "instances", f"{name}.png"), Path(out, split))
        Path(out, split, f"{name}.json").write_text(json.dumps([0.5] * len(np.unique(ids[ids > 0]))))
Path(out, "done.json").write_text("{}")
"""


def peer_of(script: str, folder: Path) -> Peer:
    path = folder / "peer.py"
    path.write_text(script)
    return Peer("perfect", path, Path(sys.executable))


def test_nothing_in_the_lab_patches_the_library() -> None:
    for path in (ROOT / "lab").rglob("*.py"):
        if path.relative_to(ROOT / "lab").parts[0] in ("fuzz", "faults"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "mock" not in text, path
        assert "monkeypatch" not in text, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):  # nothing private either
                assert not [alias.name for alias in node.names if alias.name.startswith("_")], path
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                assert isinstance(node.value, ast.Name), path
                assert node.value.id == "self", path


def test_minutes(scenes: Path, copy_run: Train, places: Places, tmp_path: Path) -> None:
    arguments = [str(scenes), str(tmp_path / "out"), "--minutes", "3", "10", "--seeds", "0", "1"]
    minutes.main(arguments, places, copy_run)
    store = Store("minutes", places)
    assert list(store) == [f"{length} minutes, seed {seed}" for length in (3, 10) for seed in (0, 1)]
    called = json.loads((tmp_path / "out" / "10-minutes-seed-1" / "called.json").read_text())
    assert called == [str(scenes), 10.0, ["--seed", "1"]]
    page = (places.pages / "minutes.md").read_text()
    assert f"| 10 | {store['10 minutes, seed 0']['miou']:.3f} |" in page
    assert "`python -m lab.minutes CAMVID OUT --minutes 3 10 --seeds 0 1`" in page
    assert str(tmp_path) not in page


def test_minutes_take_the_median_over_the_seeds() -> None:
    seeds = [{"miou": v, "boundary_f1": v / 2, "val_miou": v / 4, "ms_an_image": 100 * v} for v in (0.2, 0.8, 0.4)]
    row = minutes.format_row("3", seeds)
    assert row == ["3", "0.400", "0.200", "0.100", "0.200, 0.800, 0.400", "40"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        minutes.main([str(tmp_path / "none"), str(tmp_path)])
    assert end.value.code == 2
    assert "none: no such directory" in capsys.readouterr().err


def test_sparse(scenes: Path, copy_run: Train, places: Places, tmp_path: Path) -> None:
    """Each image of train and val has so many labelled pixels, with the labels that it had; test is whole."""
    sparse.main([str(scenes), str(tmp_path / "out"), "--pixels", "20", "5", "--minutes", "2"], places, copy_run)
    before, after = open_dataset(scenes), open_dataset(tmp_path / "out" / "5-pixels-seed-0")
    for split, items in before.splits.items():
        for item, sampled in zip(items, after.splits[split], strict=True):
            whole, few = before.read(item).label_map, after.read(sampled).label_map
            is_labelled = few != 255
            assert (few[is_labelled] == whole[is_labelled]).all()
            assert is_labelled.sum() == (whole.size if split == "test" else 5)
    store = Store("sparse", places)
    assert list(store) == ["20 pixels, 2 minutes, seed 0", "5 pixels, 2 minutes, seed 0"]
    called = json.loads((tmp_path / "out" / "20-pixels-2-minutes-seed-0" / "called.json").read_text())
    assert called == [str(tmp_path / "out" / "20-pixels-seed-0"), 2.0, ["--seed", "0"]]
    page = (places.pages / "sparse.md").read_text()
    assert f"| 5 | 2 | {store['5 pixels, 2 minutes, seed 0']['miou']:.3f} |" in page
    assert page.index("| 5 | 2 |") < page.index("| 20 | 2 |")
    assert "| 0.597 | 0.508 |" in page


def test_labels(scenes: Path, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On four scenes; a forest that always answers the first class has its share of the pixels."""

    class First:
        def fit(self, features: np.ndarray, classes: np.ndarray) -> None:
            assert features.shape == (len(classes), 3 * (7 + 6 * 7))
            self.answer = classes[0]

        def predict(self, features: np.ndarray) -> np.ndarray:
            return np.full(len(features), self.answer)

    monkeypatch.setattr(labels, "FIT_STEPS", 60)
    arguments = [str(scenes), str(tmp_path / "out"), "--images", "2", "--seeds", "0", "--budget", "1", "2"]
    labels.main(arguments, places, lambda seed: First())
    store = Store("labels", places)
    kinds = [f"live, {kind} on" for kind in ("strokes", "20 pixels", "full labels")] + ["forest, strokes on"]
    assert list(store) == [f"{kind} {images}, seed 0" for kind in kinds for images in ("1 image", "2 images")]
    assert store["live, 20 pixels on 2 images, seed 0"]["pixels"] == 40
    assert store["live, 20 pixels on 2 images, seed 0"]["seconds"] == 40 * 2 + 2 * 5
    assert store["live, strokes on 1 image, seed 0"]["miou"] > store["forest, strokes on 1 image, seed 0"]["miou"] > 0
    page = (places.pages / "labels.md").read_text()
    assert "| 20 pixels on 2 images | live | 40 | 1.5 min |" in page
    assert "(labels.svg)" in page
    picture = (places.pages / "labels.svg").read_text()
    assert picture.count("<polyline") == 8  # four lines in two panels
    assert "ilastik's features, forest, strokes" in picture
    assert picture == labels.make_chart(store)


def test_the_bank_of_ilastik_knows_its_filters() -> None:
    """On a ramp the gradient is its slope, second derivatives vanish, and one eigenvalue of the structure tensor is
    the slope's square."""
    ramp = np.broadcast_to(2 * np.arange(100, dtype=np.uint8)[None, :, None], (60, 100, 1))
    middle = compute_bank(ramp)[30, 50]
    assert middle.shape == (49,)
    smooth, wide = middle[0], middle[17:25]  # at 0.3, and all filters at 1.6
    assert smooth == pytest.approx(100)
    assert wide.tolist() == pytest.approx([100, 0, 2, 0, 4, 0, 0, 0], abs=0.1)


def test_peers(scenes: Path, copy_run: Train, places: Places, tmp_path: Path) -> None:
    arguments = [str(scenes), str(tmp_path / "out"), "--minutes", "1", "2", "--rates", "1e-3"]
    peers.main(arguments, places, copy_run, [peer_of(PERFECT, tmp_path)])
    rows = Store("peers", places)["rows"]
    assert [(row["name"], row["minutes"]) for row in rows] == [
        ("pixelwise", 1.0), ("pixelwise", 2.0), ("perfect", 1.0), ("perfect", 2.0),
    ]  # fmt: skip
    assert [row["miou"] for row in rows[2:]] == [1.0, 1.0]
    assert [row["val_miou"] for row in rows[2:]] == [1.0, 1.0]
    assert "| perfect | 0.001 | 1 | 1.000 | 1.000 | 1.000 | 12 |" in (places.pages / "peers.md").read_text()
    assert (places.pages / "peers.svg").read_text().count("<polyline") == 2


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of two squares each, in two kinds, with an index as the nuclei have."""
    folder = tmp_path_factory.mktemp("cells")
    rows = []
    for number, split in enumerate(("train", "train", "val", "val", "test", "test")):
        write_cells(folder, number)
        rows.append({"name": str(number), "kind": ("fluorescence", "gray")[number % 2], "split": split})
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["name", "kind", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_cells(folder: Path, number: int) -> None:
    ids = np.zeros((64, 64), np.uint16)
    ids[4:20, 4:20], ids[30:50, 30 + number : 50] = 1, 2
    image = np.repeat((60 + 90 * (ids > 0)).astype(np.uint8)[..., None], 3, axis=2)
    for name, picture in (("images", image), ("instances", ids)):
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def cells_run(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on all of them."""
    from pixelwise.training.run import train

    data = nuclei.select_kind(cells, tmp_path_factory.mktemp("all"), "all")
    run = tmp_path_factory.mktemp("cells-run") / "run"
    return train(data, out=run, task="instance", model="segnet_basic", width=0.06, epochs=1, quiet=True).path


@pytest.fixture
def train_cells(cells_run: Path) -> Train:
    def copy(data: Path, run: Path, minutes: float, options: Sequence[str]) -> dict[str, Any]:
        assert list(options) == ["--task", "instance", "--rotate"]
        shutil.copytree(cells_run, run)
        return {}

    return copy


def test_nuclei(cells: Path, train_cells: Train, places: Places, tmp_path: Path) -> None:
    """Of one kind there is an image a split, and a peer that gives the truth has every score at 1."""
    arguments = [str(cells), str(tmp_path / "out"), "--minutes", "1", "--rates", "1e-3"]
    nuclei.main(arguments, places, train_cells, [peer_of(PERFECT_OBJECTS, tmp_path)])
    store = Store("nuclei", places)
    assert store["conditions"] == {
        "kind": "fluorescence", "minutes": 1.0, "rates": "0.001", "train": 1, "val": 1, "test": 1,
    }  # fmt: skip
    assert [row["name"] for row in store["rows"]] == ["pixelwise", "perfect"]
    assert (
        "| perfect | 0.001 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 / 1.000 / 1.000 | 1.000 |"
        in (places.pages / "nuclei.md").read_text()
    )
    with Image.open(places.pages / "nuclei.png") as picture:
        assert picture.size[0] > 4 * 64


def test_nuclei_of_every_kind(cells: Path, train_cells: Train, places: Places, tmp_path: Path) -> None:
    nuclei.main([str(cells), str(tmp_path / "out"), "--kind", "all", "--minutes", "1"], places, train_cells)
    rows = Store("nuclei_all", places)["rows"]
    assert [(row["name"], row["second"]) for row in rows] == [("all", "2"), ("fluorescence", "1"), ("gray", "1")]
    with Image.open(places.pages / "nuclei_all.png") as picture:
        assert picture.size[0] > 4 * nuclei.SHOWN_SIDE


def test_predict(scenes: Path, small_run: Path, places: Places, tmp_path: Path) -> None:
    bench = predict.Bench(small_run, open_dataset(scenes), tmp_path, large=(128, 160))
    ((title, text),) = predict.compare_torch(bench)
    assert (title, text) == ("onnxruntime against torch, 4 photos", "same label on 100.0000 % of pixels")
    titles = [title.partition(", ")[2] for title, _ in predict.compare_tiles(bench)]
    assert titles == ["a photo enlarged, 128x160", "photos side by side, 128x160"]
    assert 0 < predict.time_loop(bench, bench.model) < 60
    assert 0 < predict.time_files(bench, bench.model, "onnxruntime") < 60
    ((title, text),) = predict.measure_cold_start(bench, runs=1)
    assert title == "one photo, the whole process"
    assert text.endswith("loads PIL, numpy, onnxruntime, typer")

    predict.main([str(small_run), str(scenes), "--only", "torch"], places)
    page = (places.pages / "predict.md").read_text()
    assert "| onnxruntime against torch, 4 photos | same label on 100.0000 % of pixels |" in page


def test_classics(scenes: Path, copy_run: Train, places: Places, tmp_path: Path) -> None:
    """A net is trained on CamVid and landscapes, and its row is filled; the others stay blank."""
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    (out / "data" / "landscapes").symlink_to(scenes)
    arguments = [str(out), "--camvid", str(scenes), "--only", "segnet", "--minutes", "1"]
    classics.main(arguments, places, copy_run)
    called = json.loads((out / "segnet-width-0.25" / "camvid" / "called.json").read_text())
    assert called == [
        str(out / "data" / "camvid"), 1.0, ["--model", "segnet", "--width", "0.25", "--no-pretrained"],
    ]  # fmt: skip
    assert open_dataset(out / "data" / "camvid").image_size(
        open_dataset(out / "data" / "camvid").splits["test"][0]
    ) == (180, 240)
    store = Store("classics", places)
    assert set(store) == {"segnet width 0.25", "conditions"}
    assert store["segnet width 0.25"]["costs"]["parameters"] > 0
    page = (places.pages / "classics.md").read_text()
    assert "| deeplabv3plus width 0.5 | | | | | | | | |\n" in page
    assert "| deeplabv3plus width 0.5 | | | | | - |\n" in page
    assert f"| segnet width 0.25 | {store['segnet width 0.25']['camvid-short']['miou']:.3f} |" in page
    assert (places.pages / "classics.png").is_file()


def test_front(scenes: Path, copy_run: Train, tmp_path: Path) -> None:
    nets = front.NETS[3:4]
    rows = front.main([str(scenes), str(tmp_path / "out"), "--minutes", "2"], copy_run, nets)
    assert [(row.model, row.encoder, row.width, row.pretrained) for row in rows] == list(nets)
    assert all(set(row.miou) == {2.0} and row.prediction_ms > 0 for row in rows)
    called = json.loads((tmp_path / "out" / "fpn-efficientnet_lite0-untrained-2" / "called.json").read_text())
    assert called[2] == ["--model", "fpn", "--encoder", "efficientnet_lite0", "--no-pretrained"]
    assert front.main([str(scenes), str(tmp_path / "out"), "--only", "fpn"], copy_run, nets) == []


def test_growth(places: Places, tmp_path: Path) -> None:
    """Ratios are to the first row."""
    speeds = iter((10.0, 30.0, 5.0, 1, 1, 1, 1, 1, 1))
    growth.main([str(tmp_path)], places, lambda case: {"images_per_second": next(speeds), "peak": 1000.0})
    page = (places.pages / "growth.md").read_text()
    assert "| crop 128x160 | 30.0 | 3.00x | 1,000 MiB | 1.00x |" in page
    assert "| crop 512x640 | 5.0 | 0.50x | 1,000 MiB | 1.00x |" in page


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("storage", ["memory", "disk", "nowhere"])
def test_growth_measures_steps(storage: str, tmp_path: Path) -> None:
    case = growth.Case("small", crop=(64, 64), num_classes=3, threads=1, repeats=2, storage=storage)
    data = growth.write_photos(tmp_path, case, images=2)
    assert len(open_dataset(data).splits["train"]) == 4
    figures = growth.measure_steps(data, case, warm=0, timed=1)
    assert figures["images_per_second"] > 0
    assert figures["peak"] > 50


def test_memory(small_run: Path) -> None:
    """In a process of its own, as `lab.predict` runs it."""
    held = run_suite("memory", [small_run / "model.onnx", "--predictions", 3, "--warm", 1])
    assert 20 < held["warm"] < 4000
    assert 20 < held["most"] < 4000


def test_figures_of_a_run(small_run: Path) -> None:
    """One epoch of four images is a step of four crops."""
    head, *_, last = (line.split(",") for line in (small_run / "history.csv").read_text().splitlines())
    row = dict(zip(head, last, strict=True))
    assert row["step"] == "1"
    assert images_per_second(small_run) == pytest.approx(4 / float(row["seconds"]))
    assert 0 <= score_validation(small_run)["miou"] <= 1


@pytest.mark.parametrize(("forgets", "code"), [(False, 0), (True, 1)])
def test_resume(forgets: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A counter in place of a training, killed on its way: resumed it ends with the same file, unless it forgets."""
    program = f"""
import sys, time
from pathlib import Path
folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
count = folder / "count"
resumed = count.is_file()
for step in range(int(count.read_text() or 0) if resumed else 0, 20):
    count.write_text(str(step + 1))
    time.sleep(0.02)
(folder / "weights.safetensors").write_text(f"20 {{resumed and {forgets}}}")
"""

    def command(data: Path, run: Path, epochs: int, options: Sequence[str]) -> list[str]:
        assert (data, epochs, options) == (tmp_path, 3, ["--model", "segnet"])
        return [sys.executable, "-c", program, str(run)]

    arguments = [str(tmp_path), "--epochs", "3", "--kills", "2", "--options=--model segnet"]
    assert resume.main(arguments, command) == code
    printed = capsys.readouterr().out
    assert printed.count("kill -9 after") == 2
    assert f"weights bit-identical: {code == 0}" in printed


def test_resume_goes_on_where_a_run_has_begun(tmp_path: Path) -> None:
    line = resume.make_command(Path("data"), tmp_path, 2, ["--seed", "1"])
    assert line[1:] == ["-m", "pixelwise", "train", "data", "--out", str(tmp_path), "--epochs", "2", "--seed", "1"]
    (tmp_path / "config.yaml").touch()
    assert resume.make_command(Path("data"), tmp_path, 2, [])[-1] == "--resume"


def test_scan(scenes: Path, small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rasterio")
    scan.main([str(small_run), str(scenes), str(tmp_path / "out"), "--side", "600", "--image-side", "100"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scan of 600x600: ")
    assert lines[-1] == "killed and resumed: the same bytes"


def test_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """Discs of 28 pixels a cell in 280x280: a hundred places, sixty taken, all found."""
    objects.main(["--side", "280", "--objects", "60"])
    assert capsys.readouterr().out.startswith("grouping 280x280: 60 of 60 objects in ")
