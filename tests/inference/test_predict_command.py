"""`pixelwise predict`: its outputs, exit codes and messages, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.cli.app import main
from pixelwise.inference.mc_dropout import MonteCarloDropout, softmax
from pixelwise.inference.thresholds import apply_thresholds

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

Predict = Callable[..., int]


@pytest.fixture
def photos(image: UInt8, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(image[: 40 + i]).save(folder / f"p{i}.png")
    return folder


@pytest.fixture
def predict(model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    """Run `pixelwise predict MODEL ... --out out` in this process and return its exit code."""

    def run(*arguments: str | Path) -> int:
        command = ["pixelwise", "predict", model_file, *arguments, "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", [str(part) for part in command])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_masks_are_what_is_written_unless_asked_otherwise(
    predict: Predict,
    photos: Path,
    tmp_path: Path,
    colour: ColourModel,
    image: UInt8,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert predict(photos) == 0
    assert capsys.readouterr() == (f"3 images predicted into {tmp_path / 'out'}\n", "")
    assert files(tmp_path / "out") == ["p0.png", "p1.png", "p2.png"]
    with Image.open(tmp_path / "out/p1.png") as mask:
        assert_array_equal(np.asarray(mask), colour.labels(image[:41]))


def test_resumed_it_leaves_out_what_is_there(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(photos) == 0
    (tmp_path / "out/p1.png").unlink()
    written_at = (tmp_path / "out/p0.png").stat().st_mtime_ns
    capsys.readouterr()
    assert predict(photos, "--resume") == 0
    assert capsys.readouterr().out == f"1 image predicted into {tmp_path / 'out'}, 2 there already\n"
    assert files(tmp_path / "out") == ["p0.png", "p1.png", "p2.png"]
    assert (tmp_path / "out/p0.png").stat().st_mtime_ns == written_at


def test_what_is_there_is_not_lost_unasked(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    mask = tmp_path / "out/p1.png"
    mask.write_text("corrected by hand")
    assert predict(photos) == 2
    assert (
        f"--out: found {mask}, which exists; expected a place for new files. Give --resume" in capsys.readouterr().err
    )
    assert files(tmp_path / "out") == ["p1.png"]
    assert mask.read_text() == "corrected by hand"
    assert predict(photos, "--overwrite") == 0
    assert files(tmp_path / "out") == ["p0.png", "p1.png", "p2.png"]
    assert mask.read_bytes().startswith(b"\x89PNG")


def test_thresholds_and_augmentation_change_what_is_written(
    predict: Predict, photos: Path, image: UInt8, colour: ColourModel, tmp_path: Path
) -> None:
    assert predict(photos / "p0.png", "--threshold", "red=0.01", "--threshold", "blue=0.9") == 0
    with Image.open(tmp_path / "out/p0.png") as mask:
        expected = apply_thresholds(softmax(colour.logits(image[:40])), {1: 0.01, 3: 0.9})
        assert_array_equal(np.asarray(mask), expected)
    before = (tmp_path / "out/p0.png").read_bytes()
    assert predict(photos / "p0.png", "--tta", "--overwrite") == 0
    assert (tmp_path / "out/p0.png").read_bytes() != before


def test_kinds_and_patterns(predict: Predict, photos: Path, tmp_path: Path) -> None:
    assert predict(photos / "p[01].png", photos / "p2.png", "--as", "overlay,mask") == 0
    assert files(tmp_path / "out") == sorted(f"p{i}{end}.png" for i in range(3) for end in ("", "_overlay"))


def test_a_bad_image_is_named_and_the_others_are_done(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = photos / "p1.png"
    bad.write_bytes(bad.read_bytes()[:-300])
    assert predict(photos) == 1
    output, errors = capsys.readouterr()
    assert output == f"2 images predicted into {tmp_path / 'out'}, 1 failed\n"
    assert errors.startswith(f"error: {bad}: found ")
    assert errors.count("\n") == 1
    assert files(tmp_path / "out") == ["p0.png", "p2.png"]


def test_json_is_one_object_and_nothing_else(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = photos / "p1.png"
    bad.write_bytes(b"no image")
    assert predict(photos, "--as", "mask,overlay", "--json") == 1
    output, errors = capsys.readouterr()
    report = json.loads(output)
    assert report["predictions"] == [
        {
            "image": str(photos / f"p{i}.png"),
            "mask": str(tmp_path / f"out/p{i}.png"),
            "overlay": str(tmp_path / f"out/p{i}_overlay.png"),
        }
        for i in (0, 2)
    ]
    (failure,) = report["failures"]
    assert failure["file"] == str(bad)
    assert errors == f"error: {failure['message']}\n"


def test_uncertainty_is_written_beside_the_mask_and_again_the_same(
    predict: Predict,
    tmp_path: Path,
    seeded_file: Path,
    model_file: Path,
    image: UInt8,
    colour: ColourModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seeded_file.replace(model_file)
    photo = image[:40, :60]  # one tile
    Image.fromarray(photo).save(tmp_path / "p0.png")
    written = []
    for seed in (3, 3, 4):
        assert predict(tmp_path / "p0.png", "--uncertainty", "5", "--seed", str(seed), "--json", "--overwrite") == 0
        with Image.open(tmp_path / "out/p0_uncertainty.png") as picture:
            written.append(np.array(picture))
    (told,) = json.loads(capsys.readouterr().out.splitlines()[0])["predictions"]
    assert told["uncertainty"] == str(tmp_path / "out/p0_uncertainty.png")
    assert files(tmp_path / "out") == ["p0.png", "p0_uncertainty.png"]

    odd = [MonteCarloDropout(5, 3).seed_of(number, 0) % 2 for number in range(5)]
    scores = [colour.logits(photo).astype(np.float64) * (1 + factor) for factor in odd]
    passes = [np.exp(s - s.max(axis=0)) / np.exp(s - s.max(axis=0)).sum(axis=0) for s in scores]
    assert 0 < sum(odd) < 5
    # float32 logits up to 510 are exact to 3e-5; a step of the picture is 4e-6
    assert_allclose(written[0] / 65535 / 4, np.var(passes, axis=0).mean(axis=0), atol=5e-5)
    assert_array_equal(written[0], written[1])
    assert (written[0] != written[2]).any()


def test_a_model_without_dropout_says_so_and_writes_nothing(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(photos, "--uncertainty", "5") == 2
    assert "found colour, a model file without dropout" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "--uncertainty", "1"], "error: --uncertainty: found 1; expected at least 2 passes."),
        (["photos", "--as", "uncertainty"], "error: --as uncertainty: found a single pass"),
        (
            ["photos", "--as", "masks"],
            "error: --as: found 'masks'; expected some of mask, overlay, instances, instances32, objects, geojson, "
            "gpkg, labelme, coco, panoptic, probabilities, entropy, uncertainty. Did you mean 'mask'?",
        ),
        (
            ["photos", "--engine", "tvm"],
            "error: --engine: found 'tvm'; expected one of onnxruntime, openvino, openvino-bf16, auto, torch, "
            "onnxruntime-tensorrt.",
        ),
        (["nothing"], "error: nothing: found no such file; expected an image, a folder of images"),
    ],
)
def test_a_mistake_ends_with_its_message_and_exit_code_2(
    predict: Predict,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert predict(*arguments) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(message)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_none_ends_with_its_message_and_exit_code_2(
    predict: Predict, photos: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file.write_text("no model")
    assert predict(photos) == 2
    assert f"error: {model_file}: found a file that onnxruntime cannot load" in capsys.readouterr().err


def modules_after(*arguments: str | Path) -> set[str]:
    """Return the packages that a process of its own has loaded after `pixelwise ...`, which must succeed."""
    script = (
        "import json, sys\n"
        "from pixelwise.cli.app import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr)
    assert not code
    return {name.partition(".")[0] for name in modules}


def test_prediction_loads_neither_torch_nor_what_it_can_do_without(
    model_file: Path, photos: Path, tmp_path: Path
) -> None:
    loaded = modules_after("predict", model_file, photos / "p0.png", "--out", tmp_path / "out", "--as", "mask,overlay")
    assert files(tmp_path / "out") == ["p0.png", "p0_overlay.png"]
    assert "onnxruntime" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "timm", "onnx", "scipy", "rich", "yaml"})


@pytest.mark.parametrize("command", [["--help"], ["predict", "--help"]])
def test_help_loads_next_to_nothing(command: list[str]) -> None:
    assert modules_after(*command).isdisjoint({"torch", "onnx", "onnxruntime", "scipy", "PIL", "rich"})
