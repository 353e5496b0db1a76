"""What `help(pw.X)` says: numpydoc sections, and an example that gives what it says, for each public name."""

from __future__ import annotations

import doctest
import inspect
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise import render
from pixelwise.nn import layers, losses

FUNCTIONS = [name for name in pw.__all__ if inspect.isfunction(getattr(pw, name))]
CLASSES = [name for name in pw.__all__ if inspect.isclass(getattr(pw, name))]
METHODS = [
    f"{name}.{method}"
    for name in CLASSES
    for method, value in vars(getattr(pw, name)).items()
    if not method.startswith("_") and inspect.isfunction(inspect.unwrap(getattr(value, "__func__", value)))
]
ABSTRACT = {
    "Engine.sample",
    "Writer.ending_of",
    "Predictor.blocks",
    "Predictor.label_map_and_variance",
    "Dataset.where",
}
"""Methods that an engine or writer of another package has, and parts of a prediction that need a large image."""
ROOMS = [layers, losses, render]
IN_ROOMS = [
    (room, name)
    for room in ROOMS
    for name in room.__all__
    if inspect.isfunction(getattr(room, name)) or inspect.isclass(getattr(room, name))
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the examples name: `photos`, the finished run `runs/photos` on them, `photo.jpg`, and
    `uneven`, a data set whose mask has another size than its image."""
    folder = tmp_path_factory.mktemp("examples")
    key = np.random.default_rng(0)
    for number in range(6):
        split = "train" if number < 4 else "val"
        image = key.integers(0, 96, (64, 96, 3), dtype=np.uint8)
        mask = np.zeros((64, 96), np.uint8)
        top, left = 8 * (number % 4), 12 * (number % 3)
        image[top : top + 24, left : left + 32] += 128
        mask[top : top + 24, left : left + 32] = 1
        _save(folder / "photos" / split / "images" / f"{number}.png", image)
        _save(folder / "photos" / split / "masks" / f"{number}.png", mask)
        if number == 0:
            _save(folder / "photo.jpg", image)
            _save(folder / "uneven" / "images" / "0.png", image)
            _save(folder / "uneven" / "masks" / "0.png", mask[:32])
    (folder / "photos" / "classes.yaml").write_text("classes: [background, square]\n")
    pw.train(folder / "photos", out=folder / "runs/photos", model="segnet_basic", width=0.06, epochs=1, quiet=True)
    return folder


def _save(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_every_public_name_is_a_function_a_class_or_one_of_three_others() -> None:
    assert {*pw.__all__} - {*FUNCTIONS, *CLASSES} == {"IGNORE_INDEX", "__version__", "models"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_numpydoc_sections(name: str) -> None:
    text = inspect.getdoc(getattr(pw, name)) or ""
    sections = [section for section in ("Parameters", "Returns", "Raises", "Examples") if f"\n{section}\n---" in text]
    expected = ["Parameters", "Returns", "Raises", "Examples"]
    if inspect.signature(getattr(pw, name)).return_annotation in (None, "None"):
        expected.remove("Returns")
    assert sections == expected
    for parameter in inspect.signature(getattr(pw, name)).parameters:
        assert f"\n{parameter}\n    " in text or f"{parameter}, " in text or f", {parameter}\n    " in text, parameter


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_an_example(name: str) -> None:
    assert "\nExamples\n--------\n" in (inspect.getdoc(getattr(pw, name)) or "")


@pytest.mark.parametrize(
    "name", [*FUNCTIONS, *CLASSES, *sorted({*METHODS} - ABSTRACT), "models.build", "models.describe"]
)
def test_examples_give_what_they_say(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    thing = pw
    for part in name.split("."):
        thing = getattr(thing, part)
    _require_true_examples(thing, name)


@pytest.mark.parametrize(("room", "name"), IN_ROOMS, ids=[f"{room.__name__}.{name}" for room, name in IN_ROOMS])
def test_examples_of_the_rooms_of_nets_and_pictures_give_what_they_say(
    room: ModuleType, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    _require_true_examples(getattr(room, name), name)


def _require_true_examples(thing: object, name: str) -> None:
    examples = doctest.DocTestFinder(recurse=False).find(thing, name, module=_module_of(thing))
    assert examples
    assert examples[0].examples
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    text: list[str] = []
    runner.run(examples[0], out=text.append)
    assert runner.failures == 0, "".join(text)


def _module_of(thing: object) -> ModuleType:
    return sys.modules[getattr(thing, "__module__")]  # noqa: B009
