"""What `help(pw.X)` says: numpydoc sections, and an example that gives what it says, for each public name."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from docs.hooks.api_page import ORDER, names_of, value_of
from pixelwise import render
from pixelwise.nn import layers, losses

ROOMS = [pw, layers, losses, render]
"""Modules whose `__all__` is public, with the methods and properties of its classes."""
SECTIONS = ["Parameters", "Attributes", "Returns", "Yields", "Raises", "Notes", "References", "Examples"]
"""The sections that docstrings have, in numpydoc's order."""
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _names() -> Iterator[str]:
    """Yield the full name of each public function, class, method and property; others have no docstring."""
    for room in ROOMS:
        for name in room.__all__:
            value = getattr(room, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                yield f"{room.__name__}.{name}"
            if inspect.isclass(value):
                members = [member for member, thing in vars(value).items() if _is_documented(thing)]
                yield from (f"{room.__name__}.{name}.{member}" for member in members if not member.startswith("_"))
    for name in (name for page in ORDER for name in names_of(page)):
        if inspect.isfunction(value_of(name)) or inspect.isclass(value_of(name)):
            yield name


def _is_documented(member: object) -> bool:
    return isinstance(member, property | functools.cached_property) or inspect.isfunction(_function_of(member))


def _function_of(member: object) -> object:
    """Return the function behind a method, a class method or a property; anything else as it is."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, functools.cached_property):
        return member.func
    return inspect.unwrap(getattr(member, "__func__", member))  # type: ignore[arg-type]


def _member(name: str) -> object:
    """Return what a full name stands for; of a property the property itself."""
    owner, _, attribute = name.rpartition(".")
    value = value_of(owner)
    return vars(value)[attribute] if inspect.isclass(value) else getattr(value, attribute)


NAMES = sorted({*_names()})
CALLABLES = [name for name in NAMES if inspect.isfunction(_function_of(_member(name)))]
CLASSES = [name for name in NAMES if inspect.isclass(_member(name))]


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


def test_public_names_are_functions_and_classes_but_for_three() -> None:
    others = {name for name in pw.__all__ if f"pixelwise.{name}" not in NAMES}
    assert others == {"IGNORE_INDEX", "__version__", "models"}
    assert "pixelwise.Predictor.blocks" in CALLABLES
    assert "pixelwise.Result.masks" in CALLABLES
    assert "pixelwise.nn.layers.max_pool" in CALLABLES


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_begin_with_a_sentence_and_have_sections_in_order(name: str) -> None:
    text = inspect.getdoc(_member(name)) or ""
    first = text.partition("\n\n")[0]
    assert first[:1].strip()
    assert first.endswith((".", ":", ")")), first
    titles = _sections(text)
    assert titles == [title for title in SECTIONS if title in titles]
    assert "Examples" in titles


@pytest.mark.parametrize("name", CALLABLES)
def test_sections_tell_parameters_results_and_errors(name: str) -> None:
    function = _function_of(_member(name))
    assert inspect.isfunction(function)
    text = inspect.getdoc(_member(name)) or ""
    titles, signature = _sections(text), inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters if parameter not in ("self", "cls")]
    if isinstance(_member(name), property | functools.cached_property):
        assert not {"Parameters", "Returns"} & {*titles}  # numpydoc documents a property as an attribute
        return
    assert _entries(text, "Parameters") == parameters
    if signature.return_annotation in (None, "None"):
        assert not {"Returns", "Yields"} & {*titles}
    else:
        assert len({"Returns", "Yields"} & {*titles}) == 1
    if _raises(function):
        assert "Raises" in titles
    for error in _entries(text, "Raises"):
        assert issubclass(getattr(pw, error), pw.PixelwiseError)


@pytest.mark.parametrize("name", CLASSES)
def test_sections_of_classes_tell_parameters_and_attributes(name: str) -> None:
    value = _member(name)
    text = inspect.getdoc(value) or ""
    documented = _entries(text, "Parameters") + _entries(text, "Attributes")
    expected = [field for field in inspect.get_annotations(value) if not field.startswith("_")]
    if "__init__" in vars(value) and not getattr(value, "_is_protocol", False):
        expected += [*inspect.signature(value.__init__).parameters][1:]
    assert set(expected) <= set(documented)


@pytest.mark.parametrize("name", NAMES)
def test_examples_give_what_they_say(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    thing = _member(name)
    function = _function_of(thing) if name in CALLABLES else thing
    finder = doctest.DocTestFinder(recurse=False)
    examples = finder.find(function, name, module=_module_of(function))
    assert examples
    assert examples[0].examples
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    text: list[str] = []
    runner.run(examples[0], out=text.append)
    assert runner.failures == 0, "".join(text)


def _sections(text: str) -> list[str]:
    """Return the titles of a docstring's sections: lines over a line of dashes."""
    lines = text.splitlines()
    return [line for line, below in itertools.pairwise(lines) if line and below == "-" * len(line)]


def _entries(text: str, title: str) -> list[str]:
    """Return the names that a section lists, at the beginning of a line: `name`, `name : type` or `name, name`."""
    _, _, section = text.partition(f"\n{title}\n{'-' * len(title)}\n")
    lines = section.splitlines()
    ends = [number - 1 for number, line in enumerate(lines) if line and set(line) == {"-"}]
    lines = lines[: ends[0]] if ends else lines
    heads = [line.partition(" :")[0] for line in lines if line and not line.startswith(" ")]
    return [name for head in heads for name in head.split(", ")]


def _raises(function: object) -> bool:
    """Return whether a function raises an error by itself, or calls a `require_...` or `_raise_...`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    calls = [ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(tree) if isinstance(node, ast.Call)]
    checks = [call for call in calls if call.lstrip("_").startswith(("require_", "raise_"))]
    return bool(checks) or any(isinstance(node, ast.Raise) for node in ast.walk(tree))


def _module_of(thing: object) -> ModuleType:
    return sys.modules[getattr(thing, "__module__")]  # noqa: B009
