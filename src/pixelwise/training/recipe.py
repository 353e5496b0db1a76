"""From the data and the machine to a recipe: what a newcomer should not have to choose."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.training.config import Length, Recipe

CROP_PIXELS = 352 * 480
"""Area of a training crop: images up to this size come whole, since where a thing stands tells what it is."""
LONG_PIXELS = 6e8
LARGE_CROP_PIXELS = 544 * 736
LONG_ENCODER = "efficientnet_lite1"
"""Where there is time for so many pixels of crops, as in six minutes of two cores that do not multiply bfloat16, a run
is long: there is time for crops of this area, and for a larger encoder."""
ENLARGEMENT = 1.5
"""By so much at most, as far as such crops go, small images are enlarged then, for models with coarse logits."""
CROP_MULTIPLE = 32
BATCH = 8
BATCH_PIXELS = 4 * CROP_PIXELS
"""What the crops of a step may have together, unless two have more: half a second of two cores."""
SPLIT_PIXELS = 384 * 384
EARLY_SPLIT, EARLY_SHARE = 2, 0.5
"""Crops of this area and more have half the sides in the first half of a long run: more images are seen while much is
to be learnt, and the last half still learns from where things stand."""
SCALE = (0.667, 2.0)
"""Magnification of the crops, the least of it times the enlargement. This, the weight decay and the two numbers on the
schedule's end did best on a CamVid sequence left out of training."""
COLOR = 1.0
"""How much colours are changed where layers learn that look at them. What a frozen encoder makes of an image changes
little with its colours, and the net generalises better without."""
LEARNING_RATE = 4e-3
ENCODER_FACTOR = 0.1
FROZEN_STRIDE = 32
"""Pretrained layers up to this stride stay as they are: a step takes less than half the time, and the net generalises
better."""
WEIGHT_DECAY = 0.1
WARMUP_SHARE = 0.05
FINAL_RATE = 0.25
"""The learning rate at the end over that at the start: the moving average settles what a full cosine would."""
EMA_SHARE = 0.1
"""The moving average of the weights looks back over this share of the run."""
LOSS_STEP = 2
"""Neighbouring pixels teach much the same, and the loss of all of them takes an eighth of a step."""
VALIDATION_SHARE = 0.04
"""Share of the time that may go into validation."""
MAX_EVALUATIONS = 20
MAGNIFICATION = 1.25
"""At least so much images are enlarged by when they are predicted: logits at stride 4 draw finer lines then."""
PATIENT_MINUTES = 20.0
"""Who waits so long for a model gets one that is more exact at twice the time of a prediction: it sees images at two
magnifications, a quarter below and a quarter above."""
TILE, TILE_ENLARGED, TILE_MULTIPLE = 1536, 1792, 128
"""The most that a side of a tile has, and has enlarged and seen two ways round: what the default net holds of one at a
time is 1.7 GB then."""
SEEN_AROUND, OVERLAP_MULTIPLE = 480, 64
"""Pixels, enlarged, that neighbouring tiles share at least: a net whose logits are to be those of the whole image looks
so far around."""
OBJECT_PIXELS = 24.0
"""Diameter that the smaller objects should have: what of them touches comes apart then. Small ones are enlarged so."""
MAX_ENLARGEMENT = 3.0
HEAT_WEIGHT, OFFSET_WEIGHT = 10.0, 0.02
"""Of what a net gets wrong at objects: so that neither outweighs the classes."""


@dataclass(frozen=True)
class Cost:
    """What one step and one pass over the validation images take on this machine, in seconds."""

    step: float
    validation: float


def is_long_run(short: Recipe) -> bool:
    """Return whether the steps that a short run would have leave time for a long one."""
    return short.steps * short.batch * math.prod(short.crop) >= LONG_PIXELS


def image_scale(image_sizes: Sequence[tuple[float, float]], long: bool) -> float:
    """Return what images of these (height, width) are enlarged by, 1 or more."""
    height, width = np.median(np.array(image_sizes), axis=0).tolist()
    fitting = math.sqrt(LARGE_CROP_PIXELS / (height * width))
    return min(max(1.0, fitting), ENLARGEMENT) if long else 1.0


def object_scale(areas: Sequence[npt.NDArray[np.int64]]) -> float:
    """Return what images are enlarged by, 1 to 3 in quarters, for objects of these areas in pixels: the diameter of a
    disc as large counts, which a quarter of the objects stay below."""
    diameter = 2 * math.sqrt(float(np.quantile(np.concatenate(areas), 0.25)) / math.pi)
    return float(np.clip(round(4 * OBJECT_PIXELS / diameter) / 4, 1.0, MAX_ENLARGEMENT))


def crop_size(image_sizes: Sequence[tuple[float, float]], long: bool) -> tuple[int, int]:
    """Return (height, width) of training crops, multiples of 32: of the images' median shape, with an area of about
    `CROP_PIXELS`, or `LARGE_CROP_PIXELS` in a long run; the whole image, enlarged, where it is smaller, and a shorter
    piece where it is long and thin.
    """
    area = LARGE_CROP_PIXELS if long else CROP_PIXELS
    height, width = np.median(np.array(image_sizes), axis=0).tolist()
    shrink = math.sqrt(area / (height * width))
    if shrink >= 1:
        factor = image_scale(image_sizes, long)
        return full_crop_size([(factor * height, factor * width)])
    longest = area // CROP_MULTIPLE
    sides = [_multiple(round(min(side * shrink, longest) / CROP_MULTIPLE)) for side in (height, width)]
    return sides[0], min(sides[1], _multiple(area // sides[0] // CROP_MULTIPLE))


def full_crop_size(image_sizes: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """Return (height, width), multiples of 32, that take in an image of the median size whole."""
    height, width = np.median(np.array(image_sizes), axis=0).tolist()
    return _multiple(math.ceil(height / CROP_MULTIPLE)), _multiple(math.ceil(width / CROP_MULTIPLE))


def _multiple(count: int) -> int:
    return max(1, count) * CROP_MULTIPLE


def steps_in_time(seconds: float, cost: Cost) -> tuple[int, int]:
    """Return how many steps, at least one, and evaluations fit into `seconds`.

    One evaluation alone, of the last step, would have nothing to choose from: there are two or none.
    """
    fitting = VALIDATION_SHARE * seconds / cost.validation if cost.validation else 0.0
    evaluations = int(min(fitting, MAX_EVALUATIONS)) if fitting >= 2 else 0
    steps = int((seconds - evaluations * cost.validation) / cost.step)
    return max(1, steps), evaluations


def make_recipe(
    crop: tuple[int, int],
    train_images: int,
    class_weights: tuple[float, ...],
    processes: int = 1,
    image_scale: float = 1.0,
    minutes: float | None = None,
    early_split: int = 1,
) -> Recipe:
    """Return the recipe for these data, whose crops are those of images enlarged so much, and so many `minutes`, over a
    single step; `with_length` gives it its length.

    Several processes share a batch so many times as large, at a rate that grows with its square root.
    """
    one = max(MAGNIFICATION, round(4 * image_scale) / 4)
    magnifications = (one - 0.25, one + 0.25) if (minutes or 0.0) >= PATIENT_MINUTES else (one,)
    tile, overlap = tile_and_overlap(magnifications)
    return Recipe(
        crop=crop,
        scale=(SCALE[0] * image_scale, SCALE[1] * max(1.0, image_scale / ENLARGEMENT)),
        color=0.0,
        batch=processes * batch_size(crop, train_images),
        early_split=early_split,
        steps=1,
        warmup_steps=0,
        learning_rate=LEARNING_RATE * math.sqrt(processes),
        encoder_factor=ENCODER_FACTOR,
        frozen_stride=FROZEN_STRIDE,
        weight_decay=WEIGHT_DECAY,
        ema_decay=0.0,
        reduction="mean",
        loss_step=LOSS_STEP,
        class_weights=class_weights,
        magnifications=magnifications,
        mirrored=True,
        evaluations=0,
        tile=tile,
        overlap=overlap,
    )


def tile_and_overlap(magnifications: Sequence[float], ways: int = 2) -> tuple[int, int]:
    """Return the side of tiles and what they share, in pixels, for a model that sees images enlarged so, and each so
    many ways round at once."""
    fitting = TILE_ENLARGED * math.sqrt(2 / ways) / max(magnifications)
    side = min(TILE, int(fitting) // TILE_MULTIPLE * TILE_MULTIPLE)
    return side, math.ceil(SEEN_AROUND / min(magnifications) / OVERLAP_MULTIPLE) * OVERLAP_MULTIPLE


def with_test_scales(recipe: Recipe, magnifications: tuple[float, ...]) -> Recipe:
    """Return `recipe` for a model that sees images enlarged so, in tiles that suit."""
    tile, overlap = tile_and_overlap(magnifications, ways=2 ** len(flip_axes(recipe)))
    return recipe.model_copy(update={"magnifications": magnifications, "tile": tile, "overlap": overlap})


def without_tta(recipe: Recipe) -> Recipe:
    """Return `recipe` for a model that sees an image once, as large as it is and one way round."""
    return with_test_scales(recipe.model_copy(update={"mirrored": False}), (1.0,))


def flip_axes(recipe: Recipe) -> tuple[int, ...]:
    """Return the axes, of (..., height, width), along which an image is flipped too when it is predicted."""
    if not recipe.mirrored:
        return ()
    return (-2, -1) if recipe.rotate else (-1,)


def for_instances(recipe: Recipe) -> Recipe:
    """Return `recipe` for an instance model, which learns centres and offsets beside classes."""
    return recipe.model_copy(update={"heat_weight": HEAT_WEIGHT, "offset_weight": OFFSET_WEIGHT})


def with_length(recipe: Recipe, steps: int, evaluations: int, crops: int | None = None) -> Recipe:
    """Return `recipe` over `steps` steps, warm-up and moving average in proportion; a constant rate has neither."""
    update: dict[str, int | float | None] = {"steps": steps, "evaluations": min(evaluations, steps), "crops": crops}
    if recipe.schedule == "cosine":
        update["warmup_steps"] = min(100, round(WARMUP_SHARE * steps))
        update["ema_decay"] = float(np.clip(1 - 1 / (EMA_SHARE * steps + 1), 0.5, 0.9995))
    return recipe.model_copy(update=update)


def steps_for_crops(recipe: Recipe, crops: int) -> tuple[int, int | None]:
    """Return in how many steps, one or more, a run by `recipe` sees so many crops, and `crops` where whole batches are
    more. A step less where one would have a single crop, since batch norm needs two."""

    def seen(steps: int) -> int:
        return count_crops(recipe.model_copy(update={"steps": steps, "crops": None}), steps)

    steps = 1 + bisect.bisect_left(range(1, math.ceil(crops / recipe.batch) + 1), crops, key=seen)
    exact = recipe.model_copy(update={"steps": steps, "crops": crops})
    first = _trained(recipe)
    sizes = [recipe_at_step(exact, step).batch for step in range(first, min(steps, first + SHORT_STEPS))]
    if crops == seen(steps):
        return steps, None
    if min(sizes) >= min(2, recipe.batch):
        return steps, crops
    return (steps - 1, crops) if steps > first + 1 else (steps, None)


SHORT_STEPS = 100
"""In more steps than these no batch is much smaller than a whole one."""


def extend(recipe: Recipe) -> Recipe:
    """Return `recipe` for `with_length` to give it a larger length: what is added goes on at the learning rate that a
    run of the whole length has there."""
    before = Length(**{name: getattr(recipe, name) for name in Length.model_fields})
    return recipe.model_copy(update={"earlier": (*recipe.earlier, before), "crops": None})


def training_parts(recipe: Recipe) -> list[Recipe]:
    """Return the recipe of each part of a run that was extended, each with the length that it was trained at; of
    another run `recipe` alone."""
    before = [
        recipe.model_copy(update={"earlier": recipe.earlier[:index], **length.model_dump()})
        for index, length in enumerate(recipe.earlier)
    ]
    return [*before, recipe]


def recipe_at_step(recipe: Recipe, step: int) -> Recipe:
    """Return `recipe` with the crops and the batch that `step` has."""
    batch = count_crops(recipe, step + 1) - count_crops(recipe, step)
    if step >= _early_steps(recipe):
        return recipe.model_copy(update={"batch": batch})
    split = recipe.early_split
    height, width = (_multiple(side // (split * CROP_MULTIPLE)) for side in recipe.crop)
    return recipe.model_copy(update={"crop": (height, width), "batch": batch})


def count_crops(recipe: Recipe, step: int) -> int:
    """Return how many crops are seen before `step`."""
    first = _trained(recipe)
    if step <= first:
        return count_crops(training_parts(recipe)[-2], step) if step else 0
    before = count_crops(recipe, first)
    whole, every = (_whole_batches(recipe, own) - _whole_batches(recipe, first) for own in (step, recipe.steps))
    if recipe.crops is None or step > recipe.steps:
        return before + whole
    if 2 * (recipe.crops - before) < every:  # a few steps, in whose first half whole batches are larger
        whole, every = step - first, recipe.steps - first
    return before + (recipe.crops - before) * whole // every


def _trained(recipe: Recipe) -> int:
    """Return the steps that a run had before it was extended to this length."""
    return recipe.earlier[-1].steps if recipe.earlier else 0


def _whole_batches(recipe: Recipe, step: int) -> int:
    """Return how many crops whole batches have before `step`."""
    early = min(step, _early_steps(recipe))
    return recipe.batch * (step + (recipe.early_split**2 - 1) * early)


def describe_crops(recipe: Recipe) -> str:
    """Return how many crops of which size a step has, in words."""
    whole = recipe.model_copy(update={"crops": None, "earlier": ()})
    early, late = (f"{own.batch} crops {own.crop[0]}x{own.crop[1]}" for own in (recipe_at_step(whole, 0), recipe))
    most = "" if recipe.crops is None else "at most "
    return f"{most}{late}" if recipe.early_split == 1 else f"{most}{early}, then {late}"


def _early_steps(recipe: Recipe) -> int:
    first = recipe.earlier[0].steps if recipe.earlier else recipe.steps
    return int(EARLY_SHARE * first) if recipe.early_split > 1 else 0


def batch_size(crop: tuple[int, int], train_images: int) -> int:
    """Return how many crops a step takes: as many as `BATCH_PIXELS` holds, 8 at most, less for a handful of images,
    never one (batch norm needs two).
    """
    fitting = min(BATCH, BATCH_PIXELS // (crop[0] * crop[1]), train_images)
    return max(2, fitting)


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Return the factor on all learning rates at `step`: a linear warm-up, then half a cosine down to
    `FINAL_RATE`; or 1 throughout."""
    if recipe.schedule == "constant":
        return 1.0
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + float(np.cos(np.pi * progress)))


def validation_steps(recipe: Recipe) -> set[int]:
    """Return after how many steps the model is validated: evenly spaced, the last step among them; or never."""
    return {round((i + 1) * recipe.steps / recipe.evaluations) for i in range(recipe.evaluations)}
