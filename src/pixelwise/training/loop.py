"""The training loop, and the state it carries from step to step."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import TypeAdapter
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pixelwise.core.errors import RunError
from pixelwise.core.registry import extension_errors
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.nn.encoders.base import Encoder
from pixelwise.nn.encoders.fusing import fuse_frozen
from pixelwise.nn.losses import LOSSES, total_weight
from pixelwise.nn.models.base import UpsampledModel, encoder_parameters
from pixelwise.nn.pipeline import Pipeline
from pixelwise.nn.seeding import seeded
from pixelwise.tasks.base import LossContext, Task
from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training import batch_norm, distributed
from pixelwise.training.checkpoint import (
    load_tensors,
    optimizer_tensors,
    require_types,
    restore_optimizer,
    save_tensors,
)
from pixelwise.training.import_paths import require_registered
from pixelwise.training.loss_check import check_loss
from pixelwise.training.pixel_views import (
    PixelView,
    labelled_pixels,
    one_in_each_square,
    pseudo_labelled_pixels,
)
from pixelwise.training.recipe import Recipe
from pixelwise.training.run_directory import History
from pixelwise.training.samples import Batch
from pixelwise.training.schedule import count_crops, learning_rate_factor, validation_steps

CHECKPOINT_SECONDS = 20.0
HISTORY_ROWS = 200
"""Rows with a loss in the history of a whole run, in addition to those of validations."""
UNREAD_LOSSES = 16
"""Steps on a GPU between two reads of their losses."""


@dataclass
class Progress:
    """The progress of a run: steps done, history, the best score on the validation images (`None` before the first),
    and sums for the next row of the history."""

    step: int = 0
    history: History = field(default_factory=list)
    best_score: float | None = None
    best_step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_count: int = 0


class Trainer:
    """A model in training: its weights, their moving average, and the optimiser, on the best available device."""

    def __init__(self, pipeline: Pipeline, recipe: Recipe, seed: int, task: Task = SEMANTIC) -> None:
        self.accelerator = distributed.join_processes()
        self.share = distributed.batch_share(
            recipe.batch, self.accelerator.process_index, self.accelerator.num_processes
        )
        self.recipe = recipe
        self.seed = seed
        self.task = task
        self.progress = Progress()
        if self.accelerator.num_processes > 1:
            batch_norm.synchronise(pipeline)
        encoder = getattr(pipeline.model, "encoder", None)
        if isinstance(encoder, Encoder):
            encoder.freeze(recipe.frozen_stride)
        pipeline = pipeline.to(self.accelerator.device).to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
        # Copied before the model is prepared, so that the copy computes in float32, as the exported file does.
        self.averaged = AveragedModel(pipeline, multi_avg_fn=average, use_buffers=True)
        self.pipeline, self.optimizer = self.accelerator.prepare(pipeline, _optimizer(pipeline, recipe))
        self.loss_step = recipe.loss_step if isinstance(pipeline.model, UpsampledModel) else 1
        things = pipeline.grouping.things if pipeline.grouping else ()
        self.loss_context = LossContext(recipe, things, self.accelerator.reduce)
        require_registered(LOSSES, recipe.loss)
        self.class_loss, self.loss_origin = LOSSES[recipe.loss], LOSSES.origin(recipe.loss)
        if self.loss_origin is not None:
            check_loss(self.class_loss, self.loss_origin, len(recipe.class_weights), self.accelerator.device)
        self.class_weights = torch.tensor(recipe.class_weights, device=self.accelerator.device)

    def start(self) -> None:
        """Prepare for the first step. Call it once, after `restore`, which sets the weights of frozen layers."""
        encoder = getattr(self.accelerator.unwrap_model(self.pipeline).model, "encoder", None)
        if isinstance(encoder, Encoder):
            fuse_frozen(encoder, half=self.accelerator.mixed_precision == "bf16")
        self.pipeline.train()

    def train_step(self, batch: Batch) -> float:
        """Take one step on `batch`, this process's share, and return the loss of the whole batch."""
        return float(self.take_step(batch))

    def take_step(self, batch: Batch) -> torch.Tensor:
        """Take a step as `train_step` does, and return the loss, a scalar, without waiting for the device."""
        factor = learning_rate_factor(self.progress.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        with _fastest_convolutions(self.accelerator.device):
            loss = self._loss(batch)
            self.accelerator.backward(loss * self.accelerator.num_processes)  # which averages gradients over them
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.averaged.update_parameters(self.accelerator.unwrap_model(self.pipeline))
        self.progress.step += 1
        reduced: torch.Tensor = self.accelerator.reduce(loss.detach())
        return reduced

    @property
    def unread_losses(self) -> int:
        """After how many steps their losses are read. Reading waits until a GPU has finished all its work."""
        return 1 if self.accelerator.device.type == "cpu" else UNREAD_LOSSES

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Return the contribution of this process's crops to the loss of the batch."""
        device, step, recipe = self.accelerator.device, self.loss_step, self.recipe
        position = self.seed * 1_000_003 + self.progress.step  # chance is a function of (seed, step)
        draw = torch.Generator().manual_seed(position)
        with seeded(position + 2**40 * self.accelerator.process_index, device):  # dropout is each process's own
            logits = self.pipeline(batch.images.to(device), step).float()
        if recipe.label_points:
            view = labelled_pixels(logits, batch, step, draw, recipe.label_points)
        else:
            view = one_in_each_square(logits, batch, step, draw)
        loss = self._class_term(view)
        if view.task_target is not None:
            task_logits = view.logits[:, len(self.class_weights) :]
            for term in self.task.loss_terms(task_logits, view.targets, view.task_target, self.loss_context):
                loss = loss + term
        if batch.pseudo is not None and recipe.pseudo_weight:
            pseudo = pseudo_labelled_pixels(logits, batch.pseudo, step, draw, recipe.pseudo_points)
            loss = loss + recipe.pseudo_weight * self._class_term(pseudo)
        return loss

    def _class_term(self, view: PixelView) -> torch.Tensor:
        """Return the contribution of these pixels to the loss of the classes."""
        weights = self.class_weights[view.targets.where(counted_pixels(view.targets), 0)]
        if view.border is not None:
            weights = weights + view.border  # w(x) of U-Net's equation 2
        class_logits = view.logits[:, : len(self.class_weights)]
        with extension_errors(self.loss_origin, "a loss of logits (N, K, H, W) and target (N, H, W)"):
            total = self.class_loss(class_logits, view.targets, pixel_weights=weights, reduction="sum")
        if self.recipe.reduction == "sum":
            return total * view.stands_for
        counted = total_weight(view.targets, pixel_weights=weights if self.recipe.reduction == "mean" else None)
        weight: torch.Tensor = self.accelerator.reduce(counted)
        return total / weight.clamp(min=torch.finfo(weight.dtype).tiny)

    def averaged_pipeline(self) -> Pipeline:
        """Return the pipeline with averaged weights, in evaluation mode: the one that is validated and stored."""
        pipeline: Pipeline = self.averaged.module.eval()  # type: ignore[assignment]
        return pipeline

    def save(self, path: Path) -> None:
        """Write everything that is needed to resume with the same result. Only the first process of a run writes."""
        if not self.accelerator.is_main_process:
            return
        parts = {
            "model": self.accelerator.unwrap_model(self.pipeline).state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
        }
        tensors = {f"{part}/{name}": tensor for part, entries in parts.items() for name, tensor in entries.items()}
        save_tensors(path, tensors, {"progress": self.progress.__dict__})

    def restore(self, path: Path) -> None:
        """Restore the state that `save` wrote."""
        tensors, header = load_tensors(path)
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "averaged": {}, "optimizer": {}}
        try:
            for name, tensor in tensors.items():
                part, _, rest = name.partition("/")
                parts[part][rest] = tensor
            require_types(self.accelerator.unwrap_model(self.pipeline), parts["model"])
            require_types(self.averaged, parts["averaged"])
            self.accelerator.unwrap_model(self.pipeline).load_state_dict(parts["model"])
            self.averaged.load_state_dict(parts["averaged"])
            restore_optimizer(self.optimizer, parts["optimizer"])
            self.progress = TypeAdapter(Progress).validate_python(header["progress"])
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            problem_text = f"a checkpoint of another model ({str(error).partition(chr(10))[0]})"
            raise RunError(path, problem_text, "this run's own", "Restore the file, or start a new run.") from error


@dataclass(frozen=True)
class Validation:
    """How a model in training is validated: the column of its score in the history, a function that scores the averaged
    weights (`None`: nothing to validate on), and one that stores them if they are the best so far. chooses: whether the
    score decides which weights are the best; otherwise the last ones are."""

    column: str
    score: Callable[[Pipeline], float | None]
    keep_best: Callable[[Pipeline], None]
    chooses: bool = True


class Observer(Protocol):
    """Methods that `fit` calls to report its progress."""

    def on_step(self, progress: Progress, loss: float) -> None:
        """Called after each step with the loss of its batch."""

    def on_row(self, progress: Progress) -> None:
        """Called after each new row of the history."""

    def is_stopped(self) -> bool:
        """Return whether to end after this step."""
        return False


def fit(
    trainer: Trainer,
    batches: Iterator[Batch],
    train_images: int,
    validation: Validation,
    checkpoint: Path,
    observer: Observer,
) -> None:
    """Train to the recipe's last step, or to the step after which the observer stops.

    `batches` starts at the trainer's step. Where the recipe validates nothing, or the score does not choose, the
    weights of the last step are the best. A checkpoint is written every `CHECKPOINT_SECONDS`, after each validation and
    at the end. The times of writing do not affect the result.
    """
    recipe, progress = trainer.recipe, trainer.progress
    validated_steps = validation_steps(recipe)
    row_every = max(1, recipe.steps // HISTORY_ROWS)
    started = time.perf_counter() - progress.seconds
    saved = time.perf_counter()
    trainer.start()
    unread: list[torch.Tensor] = []

    def read_losses() -> None:
        losses, first = torch.stack(unread).tolist(), progress.step - len(unread) + 1
        unread.clear()
        for step, loss in enumerate(losses, start=first):
            if not math.isfinite(loss):
                remedy = (
                    "Start a new run with another `seed`, or with `config` and a lower learning_rate in its recipe."
                )
                raise RunError(checkpoint.parent, f"a loss of {loss} in step {step}", "a number", remedy)
            progress.loss_sum += loss
            progress.loss_count += 1
            progress.seconds = time.perf_counter() - started
            observer.on_step(progress if step == progress.step else replace(progress, step=step), loss)

    for batch in batches:
        unread.append(trainer.take_step(batch))
        is_row = progress.step % row_every == 0 or progress.step in validated_steps or progress.step == recipe.steps
        if is_row or len(unread) >= trainer.unread_losses:
            read_losses()

        is_validated = progress.step in validated_steps
        is_milestone = is_validated or progress.step == recipe.steps
        score = validation.score(trainer.averaged_pipeline()) if is_validated else None
        is_best = score is None or progress.best_score is None or score > progress.best_score
        if is_milestone and (is_best or not validation.chooses):
            validation.keep_best(trainer.averaged_pipeline())
            progress.best_score, progress.best_step = score, progress.step
        if is_milestone or progress.step % row_every == 0:
            progress.seconds = time.perf_counter() - started
            progress.history.append(_row(trainer, train_images) | {validation.column: score})
            progress.loss_sum, progress.loss_count = 0.0, 0
            observer.on_row(progress)
        is_stopped = observer.is_stopped()
        if is_stopped and unread:
            read_losses()
        if is_milestone or is_stopped or (not unread and time.perf_counter() - saved > CHECKPOINT_SECONDS):
            trainer.save(checkpoint)
            saved = time.perf_counter()
        if is_stopped:
            return


def _row(trainer: Trainer, train_images: int) -> dict[str, float | int | None]:
    progress = trainer.progress
    return {
        "step": progress.step,
        "epoch": round(count_crops(trainer.recipe, progress.step) / train_images, 3),
        "loss": progress.loss_sum / progress.loss_count,
        "learning_rate": trainer.recipe.learning_rate * learning_rate_factor(progress.step - 1, trainer.recipe),
        "seconds": round(progress.seconds, 2),
    }


@contextlib.contextmanager
def _fastest_convolutions(device: torch.device) -> Iterator[None]:
    """Let cuDNN benchmark its convolutions during training, where crops have one or two sizes. Validation images may
    have many sizes, each of which would be benchmarked."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _optimizer(pipeline: Pipeline, recipe: Recipe) -> torch.optim.Optimizer:
    groups = _parameter_groups(pipeline, recipe)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, betas=recipe.betas, eps=recipe.epsilon, fused=True)


def _parameter_groups(pipeline: Pipeline, recipe: Recipe) -> list[dict[str, Any]]:
    """Group parameters by learning rate (encoder, biases) and by weight decay (matrices, kernels, and what `norm_decay`
    names)."""
    norms = {
        parameter: name
        for layer in pipeline.modules()
        if isinstance(layer, torch.nn.BatchNorm2d)
        for name, parameter in layer.named_parameters(recurse=False)
    }
    of_encoder = set(encoder_parameters(pipeline.model))
    decaying = {"none": (), "scale": ("weight",), "both": ("weight", "bias")}[recipe.norm_decay]
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in pipeline.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.learning_rate
        if parameter in of_encoder:
            rate *= recipe.encoder_factor
        if name.endswith(".bias") and parameter not in norms:
            rate *= recipe.bias_factor
        decays = norms[parameter] in decaying if parameter in norms else parameter.dim() > 1
        decay = recipe.weight_decay if decays else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": 0.0, "base_lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]
