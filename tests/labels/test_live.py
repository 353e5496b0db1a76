"""The live model as the studio uses it: labels in, predictions out, from any thread."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import ModelFileError, OptionError
from pixelwise.labels import boxes, features, live
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import LiveModel

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (128, 160)


def halves(size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Return an image whose left half is green and smooth, whose right half is red and rough."""
    rng = np.random.default_rng(seed)
    image = np.empty((*size, 3), np.uint8)
    image[:] = (60, 150, 60)
    image[:, size[1] // 2 :] = (150, 60, 60)
    noise = rng.integers(-40, 40, size)[..., None]
    image[:, size[1] // 2 :] = (image[:, size[1] // 2 :] + noise[:, size[1] // 2 :]).astype(np.uint8)
    return image


def is_right(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.broadcast_to(np.arange(size[1]) >= size[1] // 2, size)


def strokes(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a label map with a line in each half."""
    label_map = np.full(size, 255, np.uint8)
    label_map[20:23, 10 : size[1] // 2 - 20] = 0
    label_map[-23:-20, size[1] // 2 + 20 : -10] = 1
    return label_map


def learn(model: LiveModel, steps: int = 40) -> int:
    return model.fit(steps=steps)


@pytest.fixture
def model(tmp_path: Path) -> LiveModel:
    """Two classes, one image that has features."""
    model = LiveModel(2, tmp_path / "features")
    model.add_image("a", ArrayImage(halves()))
    model.compute_features("a", 0)
    return model


def test_strokes_become_a_prediction(model: LiveModel) -> None:
    model.set_labels("a", ArrayImage(strokes()))
    assert learn(model) == model.revision == 1
    prediction = model.predict("a", 0)
    assert prediction.revision == 1
    assert prediction.label_map.dtype == prediction.uncertainty.dtype == np.uint8
    assert (prediction.label_map == is_right()).mean() > 0.97
    assert prediction.probabilities.shape == (2, 32, 40)
    assert prediction.probabilities.dtype == np.float16
    middle = prediction.uncertainty[:, 76:84].mean()
    assert middle > prediction.uncertainty[:, :40].mean()


def test_pixels_are_labels_as_well(model: LiveModel) -> None:
    rows, columns = np.nonzero(strokes() < 255)
    model.set_pixels("a", rows, columns, strokes()[rows, columns])
    one, _, _ = model._training_pixels()
    model.set_labels("a", ArrayImage(strokes()))
    assert model._labels_changed == 1  # the same pixels again change nothing
    model.set_pixels("a", rows[::2], columns[::2], strokes()[rows, columns][::2])
    other, _, _ = model._training_pixels()
    assert len(other) == len(one) / 2


def test_a_further_stroke_asks_for_its_own_features_alone(model: LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The features of all pixels are those that they have without a stroke before."""
    counts = []
    columns = features.FeatureMaps.columns

    def count(maps: features.FeatureMaps, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        counts.append(len(rows))
        return columns(maps, rows, places)

    monkeypatch.setattr(features.FeatureMaps, "columns", count)
    model.set_labels("a", ArrayImage(strokes()))
    model._training_pixels()
    label_map = strokes()
    label_map[20:23, 12:40] = 255
    label_map[60, 10:30] = 0
    model.set_labels("a", ArrayImage(label_map))
    label_map[60, 30:35] = 1
    model.set_labels("a", ArrayImage(label_map))
    one, classes, _ = model._training_pixels()
    assert counts == [(strokes() < 255).sum(), 25]
    model.set_pixels("a", [], [], [])
    model.set_labels("a", ArrayImage(label_map))
    other, same, _ = model._training_pixels()
    assert_array_equal(one, other)
    assert_array_equal(classes, same)


def test_all_images_share_the_model(model: LiveModel) -> None:
    model.add_image("b", ArrayImage(halves(seed=1)))
    left, right = strokes(), strokes()
    left[left == 1], right[right == 0] = 255, 255
    model.set_labels("a", ArrayImage(left))
    model.set_labels("b", ArrayImage(right))
    assert model.missing_tiles() == [("b", 0)]
    assert model.fit() == 0  # one class alone has features
    assert model.is_settled
    model.compute_features("b", 0)
    assert model.missing_tiles() == []
    assert learn(model) == 1
    model.add_image("c", ArrayImage(halves(seed=2)))
    assert not model.has_features("c", 0)
    assert (model.predict("c", 0).label_map == is_right()).mean() > 0.95
    assert model.has_features("c", 0)


def test_a_fit_of_steps_repeats_bit_for_bit(model: LiveModel, tmp_path: Path) -> None:
    """However many steps a second an earlier fit has measured."""
    other = LiveModel(2, tmp_path / "features")
    other.add_image("a", ArrayImage(halves()))
    other._steps_a_second = 0.001
    for each in (model, other):
        each.set_labels("a", ArrayImage(strokes()))
        assert each.fit(steps=7) == 1
        assert each._steps_since_change == 7
        assert each.fit(steps=5) == 2
    assert_array_equal(model.predict("a", 0).probabilities, other.predict("a", 0).probabilities)


@pytest.mark.parametrize("bounds", [{"seconds": 1.0, "steps": 3}, {"steps": 0}])
def test_a_fit_has_one_bound(model: LiveModel, bounds: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="steps"):
        model.fit(**bounds)


def test_a_fit_goes_on_until_it_is_settled(model: LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.set_labels("a", ArrayImage(strokes()))
    assert not model.is_settled
    model.fit(seconds=60, should_stop=iter([False] * 3 + [True]).__next__)
    assert model._steps_since_change == 3
    monkeypatch.setattr(live, "SETTLED_STEPS", 30)
    assert not model.is_settled
    learn(model, 27)
    assert model.is_settled
    label_map = strokes()
    label_map[100, 20] = 0
    model.set_labels("a", ArrayImage(label_map))
    assert not model.is_settled


def test_nothing_is_predicted_before_a_fit(model: LiveModel) -> None:
    with pytest.raises(OptionError, match="a model that was not fitted"):
        model.predict("a", 0)
    with pytest.raises(OptionError, match="a model that was not fitted"):
        model.save(Path("never"))


def test_removed_labels_are_forgotten(model: LiveModel) -> None:
    model.set_labels("a", ArrayImage(strokes()))
    model.set_pixels("a", [], [], [])
    assert model.fit() == 0


def test_classes_are_added_merged_and_removed(model: LiveModel) -> None:
    model.set_labels("a", ArrayImage(strokes()))
    learn(model)
    model.set_classes(3, {0: 2, 1: 0})
    assert model.num_classes == 3
    before = model.predict("a", 0)
    assert set(np.unique(before.label_map)) == {0, 2}
    assert ((before.label_map == 2) == ~is_right()).mean() > 0.97
    assert learn(model) == 2
    assert ((model.predict("a", 0).label_map == 2) == ~is_right()).mean() > 0.97
    model.set_classes(2, {0: 0, 1: None, 2: 0})
    assert model.fit() == 2  # all pixels are of one class now
    assert (model.predict("a", 0).label_map == 0).all()
    with pytest.raises(OptionError, match="mapping"):
        model.set_classes(2, {0: 0, 1: 2})
    with pytest.raises(OptionError, match="mapping"):
        model.set_classes(2, {0: 0})
    model.set_classes(2, {0: None, 1: None})
    assert model._images["a"].tiles == {}


def test_a_fit_of_other_classes_is_dropped(model: LiveModel) -> None:
    model.set_labels("a", ArrayImage(strokes()))

    def change_classes() -> bool:
        model.set_classes(2, {0: 1, 1: 0})
        return True

    assert model.fit(should_stop=change_classes) == 0
    learn(model)
    assert (model.predict("a", 0).label_map == ~is_right()).mean() > 0.97


def test_a_saved_model_goes_on(model: LiveModel, tmp_path: Path) -> None:
    model.set_labels("a", ArrayImage(strokes()))
    learn(model)
    model.save(tmp_path / "live.safetensors")
    later = LiveModel(2, tmp_path / "features")
    later.add_image("a", ArrayImage(halves()))
    assert later.has_features("a", 0)
    later.load(tmp_path / "live.safetensors")
    assert later.revision == 1
    assert_array_equal(later.predict("a", 0).label_map, model.predict("a", 0).label_map)
    with pytest.raises(ModelFileError, match="a model of 2 classes"):
        LiveModel(3, tmp_path / "features").load(tmp_path / "live.safetensors")


def test_tiles_meet_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image in tiles of 192 pixels is predicted as it is at once, at the seams as elsewhere."""
    image = halves((384, 512))
    shade = np.linspace(0.6, 1.2, 384)[:, None, None]
    image = (image * shade).clip(0, 255).astype(np.uint8)
    model = LiveModel(2, tmp_path)
    model.add_image("a", ArrayImage(image))
    model.compute_features("a", 0)
    model.set_labels("a", ArrayImage(strokes((384, 512))))
    learn(model)
    model.save(tmp_path / "model")
    whole = model.predict("a", 0)
    monkeypatch.setattr(boxes, "TILE", 192)
    monkeypatch.setattr(live, "TILE", 192)
    tiled = LiveModel(2, tmp_path / "tiles")
    tiled.add_image("a", ArrayImage(image))
    tiled.load(tmp_path / "model")
    label_map, uncertainty = np.empty((2, 384, 512), np.uint8)
    assert len(tiled.tiles("a")) == 6
    for number, (top, left, bottom, right) in enumerate(tiled.tiles("a")):
        part = tiled.predict("a", number)
        label_map[top:bottom, left:right] = part.label_map
        uncertainty[top:bottom, left:right] = part.uncertainty
    assert (label_map == whole.label_map).mean() > 0.99
    difference = np.abs(uncertainty.astype(int) - whole.uncertainty)
    assert difference[:, 184:200].mean() < 8
    jumps = np.abs(np.diff(uncertainty.astype(int), axis=0))
    assert jumps[191].mean() < jumps.mean() + 2


def test_labels_of_a_large_image_are_those_of_its_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "TILE", 64)
    monkeypatch.setattr(live, "TILE", 64)
    monkeypatch.setattr(live, "TILE_PIXELS", 100)
    monkeypatch.setattr(live, "TOTAL_PIXELS", 300)
    model = LiveModel(2, tmp_path)
    model.add_image("a", ArrayImage(halves()))
    model.set_labels("a", ArrayImage(is_right().astype(np.uint8)))
    assert model.missing_tiles() == [("a", number) for number in range(6)]
    for number in range(6):
        model.compute_features("a", number)
    columns, classes, _ = model._training_pixels()
    assert columns.shape[0] == 300
    assert np.bincount(classes).tolist() == [150, 150]
    rows, places = np.nonzero(np.ones(SIZE))
    model.set_pixels("a", rows, places, is_right()[rows, places].astype(np.uint8))
    assert model._labels_changed == 1


def test_lost_features_are_computed_again(tmp_path: Path) -> None:
    model = LiveModel(2, tmp_path, max_bytes=0)
    for name in "ab":
        model.add_image(name, ArrayImage(halves()))
        model.set_labels(name, ArrayImage(strokes()))
        model.compute_features(name, 0)
    assert [model.has_features(name, 0) for name in "ab"] == [False, True]
    assert model.missing_tiles() == [("a", 0)]
    assert learn(model) == 1
    assert (model.predict("a", 0).label_map == is_right()).mean() > 0.97


def test_features_are_computed_once(model: LiveModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    compute = features.FeatureExtractor.compute

    def count(*arguments: object) -> features.FeatureMaps:
        calls.append(1)
        return compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(features.FeatureExtractor, "compute", count)
    model.add_image("b", ArrayImage(halves()))
    threads = [threading.Thread(target=model.compute_features, args=("b", 0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_threads_work_at_the_same_time(model: LiveModel) -> None:
    """One fits, one predicts, one draws, one changes the classes; none fails, and the last labels are learned."""
    model.set_labels("a", ArrayImage(strokes()))
    learn(model)
    errors: list[BaseException] = []
    end = threading.Event()

    def repeat(work: object) -> None:
        try:
            while not end.is_set():
                work()  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)
            raise

    numbers = iter(range(10**9))

    def draw() -> None:
        label_map = strokes()
        label_map[50 + next(numbers) % 20, :20] = 0
        model.set_labels("a", ArrayImage(label_map))

    jobs = [
        lambda: model.fit(0.05),
        lambda: model.predict("a", 0),
        draw,
        lambda: model.set_classes(2, {0: 0, 1: 1}),
        model.missing_tiles,
    ]
    threads = [threading.Thread(target=repeat, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    end.wait(1.5)
    end.set()
    for thread in threads:
        thread.join()
    assert errors == []
    model.set_labels("a", ArrayImage(strokes()))
    learn(model)
    assert (model.predict("a", 0).label_map == is_right()).mean() > 0.97


def test_images_that_look_alike_have_similar_features(model: LiveModel) -> None:
    model.add_image("b", ArrayImage(halves(seed=1)))
    model.add_image("c", ArrayImage(np.full((*SIZE, 3), 90, np.uint8)))
    assert model.embedding("b") is None
    for name in "bc":
        model.compute_features(name, 0)
    a, b, c = (model.embedding(name) for name in "abc")
    assert a is not None
    assert a.dtype == np.float32
    assert np.abs(a - b).mean() < 0.3 * np.abs(a - c).mean()


def test_what_is_not_there_is_named(model: LiveModel) -> None:
    with pytest.raises(OptionError, match="key: found 'x'"):
        model.tiles("x")
    with pytest.raises(OptionError, match="tile: found 1; expected 0 to 0"):
        model.compute_features("a", 1)
    with pytest.raises(OptionError, match="image: found 10x10; expected 128x160"):
        model.add_image("a", ArrayImage(np.zeros((10, 10, 3), np.uint8)))
    with pytest.raises(OptionError, match="num_classes"):
        LiveModel(0, Path("never"))
