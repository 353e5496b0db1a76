"""What training makes of few labels before its first step: splits, recipe, class weights, validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data import open_dataset
from pixelwise.data.check import check
from pixelwise.training.options import TrainOptions
from pixelwise.training.planning.choose_recipe import choose_recipe
from pixelwise.training.planning.facts import Budget, DataFacts, ModelFacts
from pixelwise.training.planning.length import Cost, fit_rounds
from pixelwise.training.progress_display import Display
from pixelwise.training.usable_data import select_usable_data


def write_strokes(root: Path, labelled: int, unlabelled: int) -> Path:
    """Images of 40x60 with six strokes of class 0, 10 pixels each, and six single pixels of class 1, or no mask."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(labelled + unlabelled):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)).save(root / "images" / f"{number}.png")
        label_map = np.full((40, 60), IGNORE_INDEX, np.uint8)
        for stroke in range(6):
            label_map[6 * stroke + 2, 5:15], label_map[6 * stroke + 3, 40] = 0, 1
        if number < labelled:
            Image.fromarray(label_map).save(root / "masks" / f"{number}.png")
    (root / "classes.yaml").write_text("classes: [ground, stone]\nignore: 255\n")
    return root


def test_three_images_with_strokes_are_all_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 18 strokes of each class 3 are held out."""
    dataset = open_dataset(write_strokes(tmp_path, 3, 4))
    data, result, _ = select_usable_data(dataset, check(dataset), TrainOptions(), Display())
    assert [item.name for item in data.splits["train"]] == ["0", "1", "2"]
    assert len(data.unlabelled) == 4
    counts = {
        split: sum(np.bincount(data.read(item).label_map.ravel(), minlength=256)[:2] for item in data.splits[split])
        for split in ("train", "val")
    }
    assert counts["train"].tolist() == [150, 15]
    assert counts["val"].tolist() == [30, 3]
    said = " ".join(capsys.readouterr().err.split())
    assert "only 3 images have labels: one in five strokes or labelled regions of each class is held out" in said
    assert "4 of 7 images have no label" in said
    assert sum("one in five strokes" in remark for remark in result.remarks) == 1


def test_from_ten_labelled_images_on_whole_images_are_held_out(tmp_path: Path) -> None:
    dataset = open_dataset(write_strokes(tmp_path, 10, 2))
    data, _, _ = select_usable_data(dataset, check(dataset), TrainOptions(), Display(quiet=True))
    assert {split: len(items) for split, items in data.splits.items()} == {"train": 6, "val": 2, "test": 2}
    assert all(item.held_out is None for _, item in data.items())


def test_class_weights_count_labelled_pixels_alone(tmp_path: Path) -> None:
    """Ten pixels of the ground for each of stone: 10/11 and 1/11 of the labels, whose median is a half."""
    dataset = open_dataset(write_strokes(tmp_path, 10, 2))
    data, result, _ = select_usable_data(dataset, check(dataset), TrainOptions(), Display(quiet=True))
    facts = DataFacts.of(data, result)
    assert (facts.is_sparse, facts.unlabelled_images) == (True, 2)
    options = TrainOptions(class_weights="median")
    recipe = choose_recipe(facts, ModelFacts.of(options), Budget(), options)
    assert_allclose(recipe.class_weights, [0.5 * 11 / 10, 0.5 * 11], rtol=1e-6)


def facts_of(*, is_sparse: bool) -> DataFacts:
    counts = np.array([600, 200])
    return DataFacts(((40, 60),) * 5, 3, counts, np.array([800, 800]), is_sparse=is_sparse, unlabelled_images=9)


def test_dense_labels_are_trained_on_as_before() -> None:
    options = TrainOptions()
    recipe = choose_recipe(facts_of(is_sparse=False), ModelFacts.of(options), Budget(), options)
    assert (recipe.label_points, recipe.pseudo_rounds, recipe.loss_step, recipe.bias_pixels) == (0, (), 2, 0)


def test_sparse_labels_have_their_recipe() -> None:
    """Nine of twelve images have no label; half of the crops are from them at most."""
    options = TrainOptions()
    recipe = choose_recipe(facts_of(is_sparse=True), ModelFacts.of(options), Budget(), options)
    dense = choose_recipe(facts_of(is_sparse=False), ModelFacts.of(options), Budget(10.0), options)
    assert recipe.label_points > 0
    assert max(recipe.bias_shares) < max(dense.bias_shares)
    assert recipe.bias_images > dense.bias_images
    assert len(dense.magnifications) == 1
    long = choose_recipe(facts_of(is_sparse=True), ModelFacts.of(options), Budget(10.0), options)
    assert len(long.magnifications) == 2
    minutes = Budget(10.0, is_long=True)
    rates = (
        choose_recipe(facts_of(is_sparse=sparse), ModelFacts.of(options), minutes, options).learning_rate
        for sparse in (True, False)
    )
    assert (*rates, recipe.learning_rate) == (0.0015, 0.004, 0.004)
    assert recipe.pseudo_rounds
    assert recipe.teacher_lead > 0
    assert (recipe.pseudo_images, recipe.unlabelled_share, recipe.batch) == (12, 0.5, 8)
    all_labelled = replace(facts_of(is_sparse=True), unlabelled_images=0)
    assert choose_recipe(all_labelled, ModelFacts.of(options), Budget(), options).has_pseudo_labels is False
    for changes, options in (({"is_rgb": False}, TrainOptions()), ({}, TrainOptions(pretrained=False))):
        facts = replace(facts_of(is_sparse=True), **changes)
        recipe = choose_recipe(facts, ModelFacts.of(options), Budget(), options)
        assert (recipe.teacher_lead, recipe.has_pseudo_labels) == (0.0, True)  # a live head reads a pretrained encoder
    by_authors = TrainOptions(model="unet", recipe="unet")
    recipe = choose_recipe(facts_of(is_sparse=True), ModelFacts.of(by_authors), Budget(), by_authors)
    assert recipe.label_points > 0
    assert recipe.has_pseudo_labels is False


def test_pseudo_labels_take_their_share_of_the_time() -> None:
    """25 % of 100 s are 25 s: with half a second an image and round, 50 images in one round and 25 in two. A live head
    takes 1.5 s, and a quarter of a second for each of ten images with labels, so 21 s are left, for 28 images."""
    options = TrainOptions()
    sparse = choose_recipe(facts_of(is_sparse=True), ModelFacts.of(options), Budget(), options)
    recipe = sparse.replace(teacher_lead=0.0)
    many = recipe.replace(pseudo_images=1000)
    cost = Cost(1.0, 1.0, prediction=0.5, teacher=0.25)
    assert fit_rounds(many.replace(pseudo_rounds=(0.5,)), 100, cost, 10)[0].pseudo_images == 50
    fitted, left = fit_rounds(many.replace(pseudo_rounds=(0.3, 0.6)), 100, cost, 10)
    assert (fitted.pseudo_images, left) == (25, 75)
    assert fit_rounds(recipe.replace(pseudo_rounds=(0.5,)), 100, cost, 10)[1] == 94
    fitted, left = fit_rounds(many.replace(pseudo_rounds=(0.5,), teacher_lead=0.5), 100, cost, 10)
    assert (fitted.pseudo_images, fitted.teacher_lead, left) == (28, 0.5, 75)
    fitted, left = fit_rounds(sparse, 1, cost, 10)
    assert (fitted.teacher_lead, fitted.pseudo_rounds, fitted.pseudo_images, left) == (0.0, (), 0, 1)
