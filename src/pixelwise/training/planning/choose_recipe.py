"""The recipe of a run: a pure function of facts about the data, the model, the budget and the options."""

from __future__ import annotations

import math
import statistics

from pixelwise.core.errors import OptionError
from pixelwise.nn.losses import median_frequency_weights
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.training import paper_recipes
from pixelwise.training.options import CLASS_WEIGHT_POWERS, DEFAULT_CLASS_WEIGHTS, TrainOptions
from pixelwise.training.planning import defaults
from pixelwise.training.planning.crops import batch_size, crop_size, image_scale, object_scale
from pixelwise.training.planning.device_recipe import adapt_to_device
from pixelwise.training.planning.facts import Budget, DataFacts, ModelFacts
from pixelwise.training.planning.object_sizes import adapt_to_object_sizes
from pixelwise.training.planning.tiles import choose_test_scales, fit_tiles, tile_and_overlap
from pixelwise.training.recipe import Recipe

RECIPE_OPTIONS = ("loss", "reduction", "border_weight", "elastic", "rotate", "augmentations")
"""The options that are fields of the recipe of the same name."""


def choose_recipe(data: DataFacts, model: ModelFacts, budget: Budget, options: TrainOptions) -> Recipe:
    """Return the recipe of a run of a single step; its length is planned afterwards. With n processes the batch is n
    times as large, and the learning rate sqrt(n) times.
    """
    is_long = budget.is_long and model.has_coarse_logits
    scale, crop = _choose_crop(data, options, is_long=is_long)
    coarse_scales = choose_test_scales(scale, budget.minutes, is_sparse=data.is_sparse)
    test_scales = coarse_scales if model.has_coarse_logits else (1.0,)
    tile, overlap = tile_and_overlap(test_scales)
    # Sparse labels and recipes of papers have their own numbers, also on a GPU.
    for_gpu = budget.on_gpu and not data.is_sparse and options.recipe is None
    frozen_stride = choose_frozen_stride(data, model, options)
    if for_gpu and options.freeze_through is None:
        frozen_stride = 0
    is_split = is_long and math.prod(crop) >= defaults.SPLIT_PIXELS
    recipe = defaults.RECIPE.replace(
        crop=crop,
        scale=(defaults.SCALE[0] * scale, defaults.SCALE[1] * max(1.0, scale / defaults.MAX_IMAGE_SCALE)),
        color=defaults.COLOR if data.is_rgb and frozen_stride < defaults.FROZEN_STRIDE else 0.0,
        batch=budget.processes * batch_size(crop, data.train_images),
        early_split=defaults.EARLY_SPLIT if is_split else 1,
        learning_rate=defaults.LEARNING_RATE * math.sqrt(budget.processes),
        encoder_factor=defaults.RECIPE.encoder_factor if model.encoder else 1.0,  # layers start from random weights
        frozen_stride=frozen_stride,
        class_weights=compute_class_weights(options.class_weights or default_class_weights(options.recipe), data),
        magnifications=test_scales,
        tile=tile,
        overlap=overlap,
    )
    if for_gpu:
        recipe = adapt_to_device(recipe, data, budget)
    if data.is_sparse:
        recipe = _adapt_to_sparse_labels(recipe, data, budget, is_pretrained=model.is_pretrained)
    if TASKS[options.task or DEFAULT_TASK].has_objects:
        recipe = recipe.replace(heat_weight=defaults.HEAT_WEIGHT, offset_weight=defaults.OFFSET_WEIGHT)
        recipe = adapt_to_object_sizes(recipe, data.object_areas)
    if options.recipe is not None:
        recipe = recipe.replace(teacher_lead=0.0, pseudo_rounds=(), unlabelled_share=0.0)
        recipe = paper_recipes.apply_paper_recipe(options.recipe, recipe, model.name, model.encoder, data.image_sizes)
    return apply_options(recipe, options)


def _adapt_to_sparse_labels(recipe: Recipe, data: DataFacts, budget: Budget, *, is_pretrained: bool) -> Recipe:
    """Return `recipe` for sparse labels, where most pixels of the training images have no label: the loss is taken at
    labelled pixels and, where some images have no labels, at pseudo-labels of a live head and of self-training. The
    live head reads a pretrained encoder."""
    images = data.train_images + data.unlabelled_images
    area = statistics.mean(height * width for height, width in data.image_sizes)
    has_teacher = data.unlabelled_images > 0 and is_pretrained and data.is_rgb and (data.class_pixels > 0).sum() > 1
    return recipe.replace(
        batch=budget.processes * batch_size(recipe.crop, defaults.BATCH),
        learning_rate=recipe.learning_rate * (defaults.SPARSE_RATE_FACTOR if budget.is_long else 1.0),
        loss_step=defaults.SPARSE_LOSS_STEP,
        label_points=defaults.LABEL_POINTS,
        teacher_lead=defaults.TEACHER_LEAD if has_teacher else 0.0,
        pseudo_rounds=defaults.PSEUDO_ROUNDS if data.unlabelled_images else (),
        pseudo_weight=defaults.PSEUDO_WEIGHT,
        pseudo_images=min(images, int(defaults.PSEUDO_BYTES / (2 * area))),
        unlabelled_share=min(defaults.UNLABELLED_SHARE, data.unlabelled_images / images),
        bias_pixels=defaults.BIAS_PIXELS,
        bias_shares=defaults.SPARSE_BIAS_SHARES,
        bias_images=defaults.SPARSE_BIAS_IMAGES,
    )


def _choose_crop(data: DataFacts, options: TrainOptions, *, is_long: bool) -> tuple[float, tuple[int, int]]:
    """Return the factor by which images are magnified, and the size of crops. Small objects ask for a larger factor."""
    scale = image_scale(data.image_sizes, is_long=is_long)
    if TASKS[options.task or DEFAULT_TASK].has_objects and is_long:
        larger = object_scale(data.object_areas)
        if larger > scale:
            magnified = [(larger * height, larger * width) for height, width in data.image_sizes]
            return larger, crop_size(magnified, is_long=False)
    return scale, crop_size(data.image_sizes, is_long=is_long)


def choose_frozen_stride(data: DataFacts, model: ModelFacts, options: TrainOptions) -> int:
    """Return the stride up to which the encoder is frozen.

    By default that is the whole of a pretrained encoder, unless the model is fine-tuned. Pretrained layers expect red,
    green and blue; on other bands all layers learn. Raises `OptionError` for a stride with a model without pretrained
    layers.
    """
    if options.freeze_through is None:
        learns = not model.is_pretrained or model.encoder is None or not data.is_rgb or model.is_fine_tuned
        return 0 if learns else defaults.FROZEN_STRIDE
    require_pretrained(options.freeze_through, model.encoder, pretrained=model.is_pretrained)
    return options.freeze_through


def require_pretrained(stride: int | None, encoder: str | None, *, pretrained: bool) -> None:
    """Raise `OptionError` where `freeze_through` names layers that have to learn, or that do not exist."""
    if stride and (encoder is None or not pretrained):
        weights = "a model without an encoder" if encoder is None else "random weights"
        remedy = "Leave `freeze_through` out: layers with random weights have to learn."
        raise OptionError("freeze_through", f"{stride} with {weights}", "a pretrained encoder", remedy)


def default_class_weights(recipe: str | None) -> str:
    """Return the name of the default class weights of a run, with or without a paper's recipe."""
    return paper_recipes.CLASS_WEIGHTS.get(recipe or "", DEFAULT_CLASS_WEIGHTS)


def compute_class_weights(name: str, data: DataFacts) -> tuple[float, ...]:
    """Return the class weights of the option `class_weights=name` for these data."""
    power = CLASS_WEIGHT_POWERS[name]
    return tuple(map(float, median_frequency_weights(data.class_pixels, data.class_image_pixels, power)))


def apply_options(recipe: Recipe, options: TrainOptions) -> Recipe:
    """Return `recipe` with the values that the options give."""
    values = {name: getattr(options, name) for name in RECIPE_OPTIONS}
    changes: dict[str, object] = {name: value for name, value in values.items() if value is not None}
    if options.freeze_through is not None:
        changes["frozen_stride"] = options.freeze_through
    changed = recipe.replace(**changes)
    return fit_tiles(changed) if changed.flip_axes != recipe.flip_axes else changed
