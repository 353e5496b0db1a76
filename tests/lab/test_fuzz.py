"""The fuzz suite finds the faults that are planted, and none in pixelwise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.fuzz.__main__ import fuzz
from lab.fuzz.inputs import KINDS, LAYOUTS, make, seeds, shares
from lab.fuzz.models import made
from lab.fuzz.outcome import OK
from lab.fuzz.pictures import HEIGHT, WIDTH
from lab.fuzz.supervisor import Limits
from lab.fuzz.tree import write_tree
from lab.fuzz.worker import run_input
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.inference.loading import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and time are counted as Linux counts them")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the model files to mutate."""
    path = tmp_path_factory.mktemp("fuzz")
    made(path / "cache")
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_data_sets_to_mutate_are_right_in_their_layout(layout: str, tmp_path: Path) -> None:
    for number, tree in enumerate(seeds(layout, tmp_path)):
        root = tmp_path / str(number)
        write_tree(tree, root)
        dataset = open_dataset(root)
        assert dataset.format == layout
        result = check(dataset)
        assert [problem.message for problem in result.problems if problem.file in result.unusable] == []
        assert result.class_pixels.any()


@pytest.mark.parametrize("kind", ["image", "raster", "mask"])
def test_the_pictures_to_mutate_are_right(kind: str, tmp_path: Path) -> None:
    for number, tree in enumerate(seeds(kind, tmp_path)):
        root = tmp_path / str(number)
        write_tree(tree, root)
        result = check(open_dataset(root))
        assert result.unusable == set(), (number, result.problems)


def test_the_model_files_to_mutate_are_right(out: Path, tmp_path: Path) -> None:
    for number, tree in enumerate(seeds("model", out / "cache")):
        write_tree(tree, tmp_path / str(number))
        result = load(tmp_path / str(number) / "model.onnx").predict(tmp_path / str(number) / "a.png")
        assert result.label_map.shape == (HEIGHT, WIDTH)


def test_the_run_to_mutate_is_right(out: Path, tmp_path: Path) -> None:
    for index in range(8):  # the number decides what is done with the run
        mutated = make("run", 0, 0, out / "cache")
        mutated.rng.seed(index)
        assert run_input(mutated, tmp_path / str(index), out / "cache", 4096).outcome == OK


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_is_a_function_of_kind_seed_and_number(kind: str, out: Path) -> None:
    first = len(seeds(kind, out / "cache"))
    mutated, again = (make(kind, 3, first + 5, out / "cache") for _ in range(2))
    assert mutated.tree == again.tree
    assert (mutated.notes, mutated.rng.random()) == (again.notes, again.rng.random())
    others = [
        make(kind, seed, index, out / "cache").tree for seed, index in ((3, first + 5 + len(KINDS)), (4, first + 5))
    ]
    assert mutated.tree not in others


def test_planted_faults_are_found(out: Path) -> None:
    limits = Limits(seconds=5.0, memory_mib=200)  # a machine may take seconds to hand out memory
    summary = fuzz(out, {"folders": 8}, 0, 2, limits, plant="tests.lab.planted", quiet=True)
    assert summary.counts["folders"] == {"ok": 1, "TRACEBACK": 1, "HANG": 2, "MEMORY": 2, "CRASH": 1, "OUTPUT": 1}
    faults = {fault.first.index: fault for fault in summary.faults.values()}
    assert faults[1].first.outcome.error == "KeyError"
    assert faults[1].repeat == "python -m lab.fuzz --repeat folders 0 1"
    assert summary.to_dict()["inputs"] == 8


@pytest.mark.parametrize(("count", "seed"), [(300, 0), pytest.param(2000, 1, marks=pytest.mark.slow)])
def test_mutated_inputs_end_in_a_result_or_a_typed_error(out: Path, count: int, seed: int) -> None:
    summary = fuzz(out, shares(count), seed=seed, workers=2, quiet=True)
    assert not summary.faults, summary.to_markdown()
