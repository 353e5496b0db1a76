"""The kinds of files that predict writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from pixelwise.core.errors import OptionError
from pixelwise.inference.batch import predict_files
from pixelwise.inference.engines.base import FunctionEngine
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.result import Result
from pixelwise.inference.writers.registry import WRITERS, parse_kinds

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8


def unasked() -> npt.NDArray[np.float32]:
    raise AssertionError("probabilities that nobody asked for")


def test_a_mask_holds_class_indices_and_shows_the_classes_colours(
    model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    path = tmp_path / "mask.png"
    WRITERS["mask"].write(path, load(model_file).predict(image))
    with Image.open(path) as mask:
        assert mask.mode == "P"
        assert_array_equal(np.asarray(mask), colour.labels(image))
        shown = np.asarray(mask.convert("RGB"))
    assert_array_equal(shown, np.array(colour.info.classes.colors, np.uint8)[colour.labels(image)])


def test_an_overlay_is_written_without_loss(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    path = tmp_path / "overlay.png"
    result = load(model_file).predict(image)
    WRITERS["overlay"].write(path, result)
    with Image.open(path) as written:
        assert_array_equal(np.asarray(written), result.overlay())


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("mask", ("mask",)), ("mask,overlay", ("mask", "overlay")), (" overlay, mask ,mask,", ("overlay", "mask"))],
)
def test_kinds_are_separated_by_commas(text: str, kinds: tuple[str, ...]) -> None:
    assert parse_kinds(text) == kinds


def test_an_unknown_kind_is_answered_with_the_close_one() -> None:
    known = f"some of {', '.join(WRITERS)}"
    with pytest.raises(OptionError, match=rf"as_: found 'masks'; expected {known}\. Did you mean 'mask'"):
        parse_kinds("overlay,masks")
    with pytest.raises(OptionError, match=rf"found 'x'; expected {known}\. Choose"):
        parse_kinds("x")


@pytest.mark.parametrize("text", ["", " , "])
def test_no_kind_at_all_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="as_: found nothing to write"):
        parse_kinds(text)


def test_uncertainty_is_a_16_bit_picture_of_the_variance(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    variance = np.array([[0, 0.25, 0.125], [1 / 65535, 0.01, 0.2]], np.float32)
    result = Result(image[:2, :3], np.zeros((2, 3), np.uint8), load(model_file).info, unasked, variance)
    WRITERS["uncertainty"].write(tmp_path / "uncertainty.png", result)
    with Image.open(tmp_path / "uncertainty.png") as written:
        assert written.mode.startswith("I")
        # 0.125 is 32767.5 steps, of which rounding takes the even neighbour; 0.01 is 2621.4 of them
        assert_array_equal(np.asarray(written), [[0, 65535, 32768], [4, 2621, 52428]])


def test_uncertainty_comes_with_sampling_and_not_without(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    assert parse_kinds("mask", sampled=True) == ("mask", "uncertainty")
    assert parse_kinds("uncertainty,overlay", sampled=True) == ("uncertainty", "overlay")
    with pytest.raises(OptionError, match=r"as_='uncertainty': found a single pass; .* Add `passes=20`"):
        parse_kinds("mask,uncertainty")
    with pytest.raises(OptionError, match="as_='uncertainty': found a single pass"):
        WRITERS["uncertainty"].write(tmp_path / "uncertainty.png", load(model_file).predict(image))


def test_probabilities_are_16_bit_pages_of_all_classes(
    model_file: Path, colour: ColourModel, image: UInt8, tmp_path: Path
) -> None:
    result = load(model_file).predict(image // 16, probabilities=True)
    WRITERS["probabilities"].write(tmp_path / "p.tif", result)
    expected = softmax(colour.logits(image // 16))
    with Image.open(tmp_path / "p.tif") as written:
        assert written.n_frames == 4
        for page in range(4):
            written.seek(page)
            assert_allclose(np.asarray(written) / 65535, expected[page], rtol=0, atol=1e-5)


def test_entropy_is_none_where_all_is_sure_and_full_where_nothing_is(
    model_file: Path, image: UInt8, tmp_path: Path
) -> None:
    probabilities = np.array([[[1, 0.25, 0.5]], [[0, 0.25, 0.5]], [[0, 0.25, 0]], [[0, 0.25, 0]]], np.float32)
    empty = np.zeros((1, 3), np.uint8)
    result = Result(image[:1, :3], empty, load(model_file).info, lambda: probabilities)
    WRITERS["entropy"].write(tmp_path / "e.png", result)
    with Image.open(tmp_path / "e.png") as written:
        assert_array_equal(np.asarray(written), [[0, 65535, 32768]])  # ln 2 / ln 4 is 32767.5 steps


def test_maps_of_probabilities_take_one_run(model_file: Path, image: UInt8, tmp_path: Path) -> None:
    """Two tiles of 64 pixels and what lies between: as often as for a mask alone."""
    predictor = load(model_file)
    engine, calls = predictor.engine, []

    def counted(images: UInt8) -> npt.NDArray[np.float32]:
        calls.append(images.shape)
        return engine(images)

    Image.fromarray(image[:40, :100]).save(tmp_path / "a.png")
    for kinds in (("mask",), ("mask", "entropy", "probabilities")):
        jobs = plan_jobs([str(tmp_path / "a.png")], tmp_path / "-".join(kinds), kinds)
        predict_files(Predictor(FunctionEngine(counted), predictor.info), jobs)
    assert len(calls) % 2 == 0
    assert calls[: len(calls) // 2] == calls[len(calls) // 2 :]
    masks = [(tmp_path / folder / "a.png").read_bytes() for folder in ("mask", "mask-entropy-probabilities")]
    assert masks[0] == masks[1]
