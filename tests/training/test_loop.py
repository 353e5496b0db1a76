"""The loop: what a step changes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import RunError
from pixelwise.data.dataset import Sample
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.tasks.instance import INSTANCE
from pixelwise.training import loop
from pixelwise.training.checkpoint import load_tensors, save_tensors
from pixelwise.training.config import Recipe
from pixelwise.training.loop import Observer, Progress, Trainer, Validation, fit
from pixelwise.training.samples import Batch, augment_sample

pytestmark = pytest.mark.usefixtures("one_thread")


def batch_of(rng: torch.Generator) -> Batch:
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=rng)
    return Batch(images, torch.randint(0, 3, (2, 64, 64), generator=rng))


def test_frozen_layers_and_their_average_stay_as_they_are(recipe: Recipe) -> None:
    """Neither steps, nor weight decay, nor batch statistics reach them; the layers behind them learn."""
    torch.manual_seed(0)
    pipeline = Pipeline(build("fpn", 3, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD)
    trainer = Trainer(pipeline, recipe.replace(frozen_stride=4), seed=0)
    frozen = tuple(f"model.encoder.net.{name}" for name in ("conv1", "bn1", "layer1"))  # up to stride 4
    before = {name: value.clone() for name, value in pipeline.state_dict().items()}
    trainer.start()
    rng = torch.Generator().manual_seed(1)
    for _ in range(2):
        trainer.train_step(batch_of(rng))
    for after in (pipeline.state_dict(), trainer.averaged_pipeline().state_dict()):
        unchanged = {name for name, value in after.items() if torch.equal(value, before[name])}
        assert {name for name in before if name.startswith(frozen)} <= unchanged
        assert unchanged - {"scale", "shift"} == {name for name in before if name.startswith(frozen)}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_looks_at_one_pixel_in_each_square_picked_anew_every_step(recipe: Recipe, reduction: str) -> None:
    """Its logits are the mean of the square's four, since bilinear up-sampling by 4 is linear within it."""
    torch.manual_seed(0)
    pipeline = Pipeline(build("fpn", 3, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD)
    update = {"loss_step": 2, "reduction": reduction, "class_weights": (1.0, 1.0, 1.0), "learning_rate": 1e-12}
    trainer = Trainer(pipeline, recipe.replace(**update), seed=0)
    batch = batch_of(torch.Generator().manual_seed(1))
    trainer.start()
    with torch.no_grad():
        logits = F.avg_pool2d(pipeline(batch.images), 2)
    expected = [
        F.cross_entropy(logits, batch.targets[:, row::2, column::2], reduction=reduction).item()
        for row in (0, 1)
        for column in (0, 1)
    ]
    factor = {"mean": 1, "sum": 4}[reduction]
    places = set()
    for _ in range(12):
        loss = trainer.train_step(batch) / factor
        places.add(min(range(4), key=lambda index: abs(expected[index] - loss)))
        assert loss == pytest.approx(min(expected, key=lambda value: abs(value - loss)), rel=1e-5)
    assert len(places) == 4


def test_the_loss_of_an_instance_model_adds_weighed_means_of_its_errors(recipe: Recipe) -> None:
    """Against torch's own losses; the objects cover the first rows, and one image's first column is not labelled."""
    torch.manual_seed(0)
    pipeline = Pipeline(
        build("fpn", 6, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD, grouping=GroupingParameters((1,))
    )
    update = {"class_weights": (1.0, 2.0, 0.5), "learning_rate": 1e-12, "heat_weight": 3.0, "offset_weight": 0.25}
    trainer = Trainer(pipeline, recipe.replace(**update), 0, INSTANCE)
    rng = torch.Generator().manual_seed(1)
    batch = batch_of(rng)
    centres = torch.zeros(2, 3, 64, 64)
    centres[:, :, :10] = torch.rand(2, 3, 10, 64, generator=rng) + 0.5
    batch.targets[0, :, 0] = IGNORE_INDEX
    trainer.start()
    with torch.no_grad():
        logits = pipeline(batch.images)
    counted = batch.targets != IGNORE_INDEX
    inside = counted & (torch.arange(64) < 10)[:, None]
    expected = F.cross_entropy(logits[:, :3], batch.targets, trainer.class_weights, ignore_index=IGNORE_INDEX)
    known = counted & (inside | (batch.targets != 1))  # class 1 elsewhere is a group of things
    expected += 3 * F.mse_loss(logits[:, 3][known], centres[:, 0][known])
    expected += (
        0.25 * 2 * F.l1_loss(logits[:, 4:].movedim(1, -1)[inside], centres[:, 1:].movedim(1, -1)[inside])
    )  # of both ways together
    assert trainer.train_step(batch._replace(task_target=centres)) == pytest.approx(expected.item(), rel=1e-5)


def test_objects_without_labels_count_in_no_loss(recipe: Recipe) -> None:
    """One object and its surroundings are accepted and labelled; whether others are known to lie where nothing is
    labelled, and where their centres are, changes nothing."""
    label_map = np.full((64, 64), IGNORE_INDEX, np.uint8)
    label_map[4:28, 4:28] = 0
    accepted = np.zeros((64, 64), np.int32)
    accepted[8:22, 10:24] = 5
    label_map[accepted > 0] = 1
    label_map[40:42, 30:60] = 1  # a stroke on an object that nobody has accepted
    more = accepted.copy()
    more[30:60, 4:20], more[6:40, 40:60] = 2, 9
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    update = {
        "class_weights": (1.0, 2.0),
        "learning_rate": 1e-12,
        "scale": (0.8, 1.3),
        "rotate": True,
        "crop": (64, 64),
    }
    changed = recipe.replace(**update)
    losses = []
    for instance_map in (accepted, more):
        torch.manual_seed(0)
        grouping = GroupingParameters((1,))
        pipeline = Pipeline(build("fpn", 5, encoder="test_resnet"), IMAGENET_MEAN, IMAGENET_STD, grouping=grouping)
        trainer = Trainer(pipeline, changed, 0, INSTANCE)
        sample = Sample(image, label_map, instance_map)
        crops = [augment_sample(sample, changed, np.random.default_rng(key), INSTANCE) for key in range(2)]
        images, targets, centres = (
            torch.from_numpy(np.stack(parts))
            for parts in zip(*((crop.image, crop.label_map, crop.task_target) for crop in crops), strict=True)
        )
        assert (targets == IGNORE_INDEX).any()
        assert (targets == 1).any()
        trainer.start()
        losses.append(trainer.train_step(Batch(images, targets.long(), task_target=centres)))
    assert losses[0] == losses[1]
    assert not np.array_equal(accepted, more)


@pytest.mark.parametrize(("loss", "unread"), [(float("nan"), 1), (float("inf"), 1), (float("nan"), 4)])
def test_a_loss_that_is_no_number_ends_the_run(
    recipe: Recipe, loss: float, unread: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are spoilt: nothing of them is kept, and the last checkpoint stays. A GPU tells losses later."""
    monkeypatch.setattr(loop, "HISTORY_ROWS", 2)

    def take_step(batch: int) -> torch.Tensor:
        progress.step += 1
        return torch.tensor(loss if progress.step == 3 else 0.5)

    progress, losses = Progress(), []

    class Losses(Observer):
        def on_step(self, progress: Progress, loss: float) -> None:
            losses.append(loss)

    saved = SimpleNamespace(
        recipe=recipe, progress=progress, start=lambda: None, take_step=take_step, unread_losses=unread
    )
    with pytest.raises(RunError, match=rf"found a loss of {loss} in step 3; expected a number. .*`seed`"):
        fit(
            cast(Trainer, saved),
            cast(Any, iter(range(9))),
            6,
            Validation("miou", lambda pipeline: None, lambda pipeline: None),
            tmp_path / "checkpoint.safetensors",
            Losses(),
        )
    assert losses == [0.5, 0.5]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("chooses", "best_step"), [(True, 4), (False, 8)])
def test_the_score_of_few_images_does_not_choose_the_weights(
    chooses: bool, best_step: int, recipe: Recipe, tmp_path: Path
) -> None:
    recipe = recipe.replace(steps=8, evaluations=4)
    progress, scores, kept = Progress(), iter((0.1, 0.9, 0.2, 0.3)), []

    class Silent(Observer):
        pass

    def take_step(batch: int) -> torch.Tensor:
        progress.step += 1
        return torch.tensor(0.5)

    trainer = SimpleNamespace(
        recipe=recipe,
        progress=progress,
        start=lambda: None,
        take_step=take_step,
        unread_losses=1,
        averaged_pipeline=lambda: progress.step,
        learning_rate=0.0,
        save=lambda path: None,
    )
    validation = Validation("val_miou", lambda pipeline: next(scores), kept.append, chooses=chooses)  # type: ignore[arg-type]
    fit(cast(Trainer, trainer), cast(Any, iter(range(8))), 6, validation, tmp_path / "checkpoint", Silent())
    assert (kept[-1], progress.best_step) == (best_step, best_step)


def test_a_checkpoint_of_other_tensors_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    pipeline = Pipeline(build("segnet", 3, width=0.0625), IMAGENET_MEAN, IMAGENET_STD)
    trainer = Trainer(pipeline, recipe, seed=0)
    trainer.train_step(batch_of(torch.Generator().manual_seed(1)))
    trainer.save(path)
    trainer.restore(path)
    whole, header = load_tensors(path)
    weight = next(name for name in whole if name.startswith("model/") and whole[name].dim() == 4)
    moment = next(name for name in whole if name.endswith(".exp_avg"))
    damaged: list[tuple[dict[str, torch.Tensor], dict[str, Any]]] = [
        (whole | {weight: whole[weight].double()}, header),
        (whole | {weight: whole[weight][:1]}, header),
        (whole | {moment: whole[moment].flatten()[:1].clone()}, header),
        (whole | {"optimizer/999.exp_avg": whole[moment].clone()}, header),
        (whole | {"optimizer/a.exp_avg": whole[moment].clone()}, header),
        (whole | {"elsewhere/weight": whole[weight].clone()}, header),
        ({name: value for name, value in whole.items() if name != weight}, header),
        (whole, {}),
        (whole, {"progress": [1]}),
        (whole, {"progress": {"step": "one"}}),
    ]
    for tensors, metadata in damaged:
        save_tensors(path, tensors, metadata)
        with pytest.raises(RunError, match=r"checkpoint\.safetensors: found a checkpoint of another model"):
            trainer.restore(path)
