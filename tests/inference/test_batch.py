"""Many images: each one's own files, bad ones passed over, several at a time."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import OutputError
from pixelwise.inference.batch import predict_files
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.objects import Objects

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


@pytest.fixture
def photos(image: UInt8, tmp_path: Path) -> dict[str, UInt8]:
    """Five different photos below photos/, by stem."""
    (tmp_path / "photos").mkdir()
    crops = {f"p{i}": image[i : 60 + 2 * i, : 90 - 7 * i] for i in range(5)}
    for stem, crop in crops.items():
        Image.fromarray(crop).save(tmp_path / f"photos/{stem}.png")
    return crops


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def test_every_image_gets_its_own_prediction(
    model_file: Path, colour: ColourModel, photos: dict[str, UInt8], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    jobs = plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask", "overlay"))
    failures = predict_files(load(model_file), jobs, lambda done, total: told.append((done, total)))
    assert failures == {}
    assert told == [(n, 5) for n in range(1, 6)]
    assert len(list((tmp_path / "out").iterdir())) == 10
    for stem, photo in photos.items():
        with Image.open(tmp_path / f"out/{stem}.png") as mask:
            assert_array_equal(np.asarray(mask), colour.labels(photo))


@pytest.mark.parametrize("bad", [["p0"], ["p2"], ["p4"], ["p0", "p1", "p3"], ["p0", "p1", "p2", "p3", "p4"]])
def test_a_truncated_image_is_reported_and_the_others_are_done(
    model_file: Path, colour: ColourModel, photos: dict[str, UInt8], tmp_path: Path, bad: list[str]
) -> None:
    for stem in bad:
        truncate(tmp_path / f"photos/{stem}.png")
    failures = predict_files(load(model_file), plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",)))
    assert list(failures) == [tmp_path / f"photos/{stem}.png" for stem in bad]
    for path, error in failures.items():
        assert str(error).startswith(f"{path}: found a damaged or truncated image")
    for stem, photo in photos.items():
        mask = tmp_path / f"out/{stem}.png"
        assert mask.exists() == (stem not in bad)
        if mask.exists():
            with Image.open(mask) as written:
                assert_array_equal(np.asarray(written), colour.labels(photo))


def test_an_image_that_vanished_is_reported_and_the_others_are_done(
    model_file: Path, photos: dict[str, UInt8], tmp_path: Path
) -> None:
    jobs = plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",))
    (tmp_path / "photos/p1.png").unlink()
    (error,) = predict_files(load(model_file), jobs).values()
    assert str(error).startswith(f"{tmp_path / 'photos/p1.png'}: found no such file")
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_full_disk_ends_the_work_and_leaves_no_half_file(
    model_file: Path, photos: dict[str, UInt8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, saved = Image.Image.save, []

    def save_until_full(image: Image.Image, path: Path, **options: object) -> None:
        save(image, path, **options)
        saved.append(path)
        if len(saved) == 3:
            path.write_bytes(path.read_bytes()[:50])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    jobs = plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",))
    monkeypatch.setattr(Image.Image, "save", save_until_full)
    with pytest.raises(OutputError, match=r"p2\.png: found No space left on device"):
        predict_files(load(model_file), jobs)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert (
        {"p0.png", "p1.png"} <= left <= {"p0.png", "p1.png", "p3.png"}
    )  # one may have begun before the error was seen
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("predict")]


def test_a_place_that_cannot_be_written_is_named(model_file: Path, photos: dict[str, UInt8], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the directory should be")
    with pytest.raises(OutputError, match=r"p0\.png: found "):
        predict_files(load(model_file), plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",)))


def test_as_many_images_are_worked_on_at_once_as_the_model_takes(
    model_file: Path, photos: dict[str, UInt8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first three images are in the model, the others have not been read; then all are written."""
    meeting, read = threading.Barrier(3), []
    counts: list[int] = []
    model = load(model_file)
    model.at_once = 3
    read_image = model.read

    def note_read(path: Path) -> UInt8:
        read.append(path.stem)
        return read_image(path)

    decode: Callable[[UInt8], tuple[UInt8, Objects | None]] = model.decode

    def watched(image: UInt8) -> tuple[UInt8, Objects | None]:
        if len(counts) < 3:
            meeting.wait(timeout=10)
            counts.append(len(read))
            meeting.wait(timeout=10)
        return decode(image)

    monkeypatch.setattr(model, "read", note_read)
    monkeypatch.setattr(model, "decode", watched)
    assert predict_files(model, plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",))) == {}
    assert counts == [3, 3, 3]
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_images_at_once_have_the_same_labels(model_file: Path, photos: dict[str, UInt8], tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    predict_files(load(model_file), plan_jobs([str(tmp_path / "photos")], one, ("mask",)))
    predict_files(load(model_file, at_once=5), plan_jobs([str(tmp_path / "photos")], many, ("mask",)))
    assert len(list(one.iterdir())) == 5
    for path in one.iterdir():
        assert (many / path.name).read_bytes() == path.read_bytes()


def test_an_error_that_is_no_images_own_is_raised(
    model_file: Path, photos: dict[str, UInt8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(model: Predictor, image: UInt8) -> tuple[UInt8, Objects | None]:
        raise RuntimeError("the engine broke")

    monkeypatch.setattr(Predictor, "decode", broken)
    with pytest.raises(RuntimeError, match="the engine broke"):
        predict_files(load(model_file), plan_jobs([str(tmp_path / "photos")], tmp_path / "out", ("mask",)))
