"""What to label next in a data set, with a model and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from pixelwise.core.errors import DataError, OptionError
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.predictor import Predictor
from pixelwise.labels import suggest
from pixelwise.labels.descriptions import describe_by_encoder, describe_colors, shrink
from pixelwise.labels.suggest import open_images, predict_uncertainty, suggest_labels

COLORS = {"a": (200, 40, 40), "b": (200, 45, 40), "c": (240, 70, 40), "d": (40, 40, 200), "e": (40, 45, 205)}


@pytest.fixture(autouse=True)
def by_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare images by their colours: what the encoder sees in flat ones is nobody's guess."""
    monkeypatch.setattr(suggest, "choose_description", lambda: (describe_colors, "colours"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three red and two blue images, with a square of green in each; the first is labelled in full, the fourth has a
    stroke; and a test image.
    """
    for name, color in COLORS.items():
        image = np.random.default_rng(ord(name)).normal(0, 4, (100, 120, 3)) + color
        image[60:80, 70:100] = (30, 200, 30)
        save(tmp_path / "train/images" / f"{name}.png", image.clip(0, 255))
    save(tmp_path / "test/images/t.png", np.zeros((100, 120, 3)))
    save(tmp_path / "test/masks/t.png", np.zeros((100, 120)))
    full = np.zeros((100, 120))
    full[60:80, 70:100] = 1
    save(tmp_path / "train/masks/a.png", full)
    stroke = np.full((100, 120), 255)
    stroke[10:13, 10:60], stroke[65:68, 75:95] = 0, 1
    save(tmp_path / "train/masks/d.png", stroke)
    (tmp_path / "classes.yaml").write_text("classes: [ground, square]\n")
    return tmp_path


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


class Doubts(Predictor):
    """A model of two classes that is unsure of one rectangle in each image, the more the bluer it is."""

    def __init__(self) -> None:
        from pixelwise.core.classes import ClassMap
        from pixelwise.modelfile.info import ModelInfo

        classes, ones = ClassMap.from_names(["ground", "square"]), (1.0,) * 3
        self.info = ModelInfo("rule", None, "semantic", classes, ones, ones, stride=1, tile=64, overlap=0)

    def blocks(self, image, from_row: int = 0):  # type: ignore[no-untyped-def]
        from pixelwise.tiling.stitch import Block

        logits = np.zeros((2, *image.shape[:2]), np.float32)
        logits[0] = 9
        logits[0, 30:50, 20:40] = 3 - image[..., 2].mean() / 100
        for row in (0, 64):
            yield Block(row, 0, logits[:, row : row + 64])


def names(suggestions: suggest.Suggestions) -> list[str]:
    return [suggestion.image.stem for suggestion in suggestions.images]


def test_without_a_model_unlabelled_images_unlike_labelled_ones_come_first(photos: Path) -> None:
    """A red and a blue one are labelled, at least in part; the partly labelled one comes last, the test image never."""
    suggestions = suggest_labels(open_images(photos), count=9)
    assert sorted(names(suggestions)[:3]) == ["b", "c", "e"]
    assert names(suggestions)[3:] == ["d"]
    assert suggestions.total == 5
    assert suggestions.compared_by == "colours"
    last = suggestions.images[3]
    assert last.labelled == pytest.approx(210 / 12000)
    assert last.uncertainty is None


def test_a_blue_image_comes_first_where_only_red_ones_are_labelled(photos: Path) -> None:
    (photos / "train/masks/d.png").unlink()
    suggestions = suggest_labels(open_images(photos), count=2, pixels=3)
    assert names(suggestions)[0] in "de"
    assert names(suggestions)[1] == "c"  # the other blue one and b are nearly copies
    first = suggestions.images[0]
    assert any(60 <= row < 80 and 70 <= column < 100 for row, column in first.pixels)  # one shows the green square
    assert len(first.pixels) == 3
    (top, left, bottom, right), (row, column) = first.region_tlbr, first.pixels[0]
    assert (bottom - top, right - left) == (64, 64)
    assert top <= row < bottom
    assert left <= column < right


def test_with_a_model_its_doubts_decide(photos: Path) -> None:
    (photos / "train/masks/d.png").unlink()
    suggestions = suggest_labels(open_images(photos), Doubts(), count=4, pixels=2)
    assert names(suggestions)[0] in "de"
    for suggestion in suggestions.images:
        row, column = suggestion.pixels[0]
        assert 28 <= row < 52
        assert 18 <= column < 42
        top, left, bottom, right = suggestion.region_tlbr
        assert top <= 30 < 50 <= bottom
        assert left <= 20 < 40 <= right
        assert suggestion.uncertainty is not None
    unsure = {suggestion.image.stem: suggestion.uncertainty for suggestion in suggestions.images}
    assert min(unsure["d"], unsure["e"]) > max(unsure["b"], unsure["c"])


def test_the_uncertainty_is_that_of_the_whole_image() -> None:
    image = np.full((100, 120, 3), 50, np.uint8)
    uncertainty = predict_uncertainty(Doubts(), image)
    unsure, sure = (float(np.abs(np.diff(softmax(np.array([score, 0.0], np.float32))))[0]) for score in (2.5, 9))
    expected = np.full((100, 120), 1 - sure)
    expected[30:50, 20:40] = 1 - unsure
    assert_allclose(uncertainty, expected, atol=1e-6)


def test_a_folder_of_photos_alone(photos: Path) -> None:
    image_set = open_images(photos / "train/images")
    assert len(image_set.images) == 5
    assert "No labels were recognised" in image_set.remarks[0]
    assert len(suggest_labels(image_set, count=3).images) == 3


def test_a_project_whose_pictures_are_links_is_no_folder_of_photos(tmp_path: Path) -> None:
    save(tmp_path / "disk/a.png", np.zeros((20, 30, 3)))
    save(tmp_path / "project/masks/a.png", np.zeros((20, 30)))
    (tmp_path / "project/images").mkdir()
    (tmp_path / "project/images/a.png").symlink_to(tmp_path / "disk/a.png")
    (tmp_path / "project/.studio").mkdir()
    with pytest.raises(DataError, match="outside the data set"):
        open_images(tmp_path / "project")
    assert len(open_images(tmp_path / "project", images_root=tmp_path / "disk").images) == 1


def test_a_data_set_that_is_done(photos: Path) -> None:
    for name in "bcde":
        save(photos / f"train/masks/{name}.png", np.zeros((100, 120)))
    assert suggest_labels(open_images(photos)).images == ()


def test_folders_and_numbers_that_make_no_sense(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        open_images(tmp_path / "empty")
    with pytest.raises(DataError, match="no such directory"):
        open_images(tmp_path / "missing")
    with pytest.raises(DataError):
        open_images(photos, format="coco")
    with pytest.raises(OptionError, match="count: found 0"):
        suggest_labels(open_images(photos), count=0)
    with pytest.raises(OptionError, match="pixels: found 0"):
        suggest_labels(open_images(photos), pixels=0)


@pytest.mark.parametrize("size", [(1, 1, 3), (3, 1600, 3), (700, 1300, 1)])
def test_images_of_any_shape_are_described(size: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    assert max(shrink(image).shape[:2]) <= 512
    description = describe_colors(image)
    assert np.isfinite(description.embedding).all()
    assert description.places.shape[0] == 2 * size[2]
    assert min(description.places.shape) > 0


def test_a_shrunk_image_has_the_means_of_squares() -> None:
    image = np.zeros((2, 1024, 1), np.uint8)
    image[0, :2], image[1, :2] = 10, 20
    assert shrink(image)[0, :2, 0].tolist() == [15, 0]


def test_the_encoder_tells_textures_of_one_colour_apart() -> None:
    """Stripes and squares of the same two grays: the mean colour is the same, and what the encoder sees is not."""
    rows, columns = np.mgrid[:96, :96]
    stripes, squares = (rows // 6 % 2), ((rows // 6 + columns // 6) % 2)
    images = [(np.stack([pattern] * 3, axis=2) * 120 + 60).astype(np.uint8) for pattern in (stripes, squares)]
    descriptions = [describe_by_encoder(image) for image in images]
    assert descriptions[0].places.shape[1:] == (12, 12)
    apart = np.linalg.norm(descriptions[0].embedding - descriptions[1].embedding)
    assert apart > 0.05 * np.linalg.norm(descriptions[0].embedding)
