"""`Recipe`: every number of a training. It is validated on each change, and stored in `config.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import pydantic

from pixelwise.core.errors import OptionError
from pixelwise.nn.augment.color import ColorRanges
from pixelwise.nn.losses.cross_entropy import Reduction

RECIPE_VERSION = 3
"""Recipes of version 1 state no version. A field "since version n" is missing in earlier recipes."""

Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]
_BelowOne = Annotated[float, pydantic.Field(ge=0, lt=1)]
_TestScale = Annotated[float, pydantic.Field(ge=1, le=4)]
_Side = Annotated[int, pydantic.Field(ge=1, le=2**16)]
_Channel = Annotated[int, pydantic.Field(ge=0, le=255)]
_Shares = Annotated[tuple[Fraction, ...], pydantic.Field(min_length=1)]
_Sizes = Annotated[tuple[pydantic.PositiveInt, ...], pydantic.Field(min_length=1)]
_Same = TypeVar("_Same", bound="Strict")


class Strict(pydantic.BaseModel):
    """An immutable set of values, without unknown fields and infinities."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def replace(self: _Same, **changes: object) -> _Same:
        """Return a copy with changed values, all of them validated.

        Raises
        ------
        OptionError
            A field does not exist, or its value is not allowed.

        Examples
        --------
        >>> Length(steps=10, warmup_steps=1, ema_decay=0.5, evaluations=2).replace(steps=20).steps
        20
        """
        try:
            return type(self).model_validate(dict(self) | changes)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or type(self).__name__
            raise OptionError(where, repr(first["input"]), first["msg"], "Give another value.") from error


class Length(Strict):
    """The numbers of a `Recipe` that depend on the length of the run."""

    steps: pydantic.PositiveInt
    warmup_steps: pydantic.NonNegativeInt
    ema_decay: _BelowOne
    evaluations: pydantic.NonNegativeInt
    crops: pydantic.PositiveInt | None = None


class Recipe(Strict):
    """All numbers that a training reads. Sizes are (height, width) in pixels.

    The default of a field is the value that runs had before the field existed, so that a stored recipe keeps its
    meaning. Defaults therefore never change, and planning sets every field.
    """

    version: Annotated[int, pydantic.Field(ge=1, le=RECIPE_VERSION)] = 1

    # Crops and augmentation
    crop: tuple[_Side, _Side]
    scale: tuple[pydantic.PositiveFloat, pydantic.PositiveFloat]
    """Least and largest magnification of the image in a crop."""
    flip_probability: Fraction = 0.5
    """Since version 2. Probability of flipping a crop left to right."""
    fill: tuple[_Channel, _Channel, _Channel] = (124, 116, 104)
    """Since version 2. Colour around an image that is smaller than the crop: the mean of ImageNet. Repeated for more
    channels."""
    color: Annotated[float, pydantic.Field(ge=0, le=3)]
    """Strength of the photometric augmentation, a factor on `color_ranges`."""
    color_ranges: ColorRanges = ColorRanges(brightness=0.3, saturation=0.3, contrast=0.2, white_balance=0.06, gamma=0.2)
    """Since version 2."""
    rotate: bool = False
    """For orientation-free images: crops are rotated by multiples of 90 degrees, and flip TTA includes up-down."""
    elastic: pydantic.NonNegativeFloat = 0.0
    """Standard deviation of the elastic displacements, in pixels; 0 for none."""
    elastic_nodes: Annotated[int, pydantic.Field(ge=2)] = 3
    """Since version 2. Nodes of the elastic deformation along each side."""
    augmentations: tuple[str, ...] = ()
    """Since version 2. Names of further augmentations, in the order in which they are applied to an image."""
    batch: pydantic.PositiveInt
    """Crops in a step."""
    early_split: pydantic.PositiveInt = 1
    """In the early part of the run the sides of crops are divided by this number, and a batch has its square times as
    many crops."""
    early_share: Fraction = 0.5
    """Since version 2. Share of the steps that are the early part."""
    crop_multiple: pydantic.PositiveInt = 32
    """Since version 2. The sides of early crops are rounded down to multiples of this number."""

    # Optimiser and schedule
    steps: pydantic.PositiveInt
    """Steps of the whole run."""
    warmup_steps: pydantic.NonNegativeInt
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: _BelowOne = 0.0
    """Momentum of SGD."""
    betas: tuple[_BelowOne, _BelowOne] = (0.9, 0.999)
    """Since version 2. Of AdamW."""
    epsilon: pydantic.PositiveFloat = 1e-8
    """Since version 2. Of AdamW."""
    schedule: Literal["cosine", "constant"] = "cosine"
    learning_rate: pydantic.PositiveFloat
    final_rate: Fraction = 0.25
    """Since version 2. Learning rate at the end of the cosine schedule, relative to that at its start."""
    bias_factor: pydantic.PositiveFloat = 1.0
    """Factor on the learning rate of biases. The shift of a batch norm is no bias."""
    encoder_factor: pydantic.PositiveFloat
    """Factor on the learning rate of the encoder."""
    frozen_stride: pydantic.NonNegativeInt = 0
    """The encoder's stages up to this stride are frozen; 0 for none."""
    weight_decay: pydantic.NonNegativeFloat
    """Weight decay of kernels and matrices; biases do not decay."""
    norm_decay: Literal["none", "scale", "both"] = "none"
    """Parameters of batch norms that decay, too."""
    ema_decay: _BelowOne
    """Decay of the moving average of the weights."""

    # Loss
    loss: str = "cross_entropy"
    """Since version 2. A name in `LOSSES`, or the import path `module:attribute` of a function."""
    reduction: Reduction
    loss_step: pydantic.PositiveInt = 1
    """For models with up-sampled logits: the loss reads one pixel of each square of this side."""
    class_weights: tuple[pydantic.NonNegativeFloat, ...]
    label_points: pydantic.NonNegativeInt = 0
    """Since version 3. Above 0, labels are sparse: crops are placed on labels, resizing drops no labelled pixel, and
    the loss is taken at the labelled pixels, at most this many a step."""
    border_weight: pydantic.NonNegativeFloat = 0.0
    """w0 of U-Net's border weights, which are added to the class weights; 0 for no border weights."""
    border_sigma: pydantic.PositiveFloat = 5.0
    """Since version 2. Sigma of the border weights, in pixels."""
    border_reach: pydantic.PositiveFloat = 5.0
    """Since version 2. Border weights look for objects up to this many sigmas away."""
    heat_weight: pydantic.NonNegativeFloat = 0.0
    """Weight of the loss of the centres' heat, relative to the loss of the classes."""
    offset_weight: pydantic.NonNegativeFloat = 0.0
    """Weight of the loss of the offsets to the centres, for an error of one pixel."""
    heat_width: pydantic.PositiveFloat = 0.35
    """Standard deviation of the heat, relative to the radius of a disc of the object's area."""
    offset_unit: pydantic.PositiveFloat = 16.0
    """Pixels per unit of the model's offsets, so that offsets are about as large as class scores."""

    # Self-training: a model in training labels its training images where it is certain, and learns from that, too
    teacher_lead: Fraction = 0.0
    """Since version 3. Above 0, training images have pseudo-labels from the first step on: where a live head that was
    fitted to the labels (`pixelwise.labels`) gives a class a probability that leads by this much."""
    pseudo_rounds: tuple[_BelowOne, ...] = ()
    """Since version 3. The shares of the run after which pseudo-labels are computed by the model itself, ascending;
    empty for no self-training."""
    pseudo_weight: pydantic.NonNegativeFloat = 0.0
    """Since version 3. Weight of the loss on pseudo-labels, relative to that on labels."""
    pseudo_points: pydantic.PositiveInt = 16384
    """Since version 3. Random pixels per step; the loss on pseudo-labels is taken at those that have one."""
    pseudo_images: pydantic.NonNegativeInt = 0
    """Since version 3. The most training images that get pseudo-labels."""
    confidence: tuple[Fraction, Fraction] = (0.5, 0.9)
    """Since version 3. A pixel with a confidence below the first value gets no pseudo-label, one above the second
    always does."""
    confident_share: Fraction = 0.5
    """Since version 3. Between the two confidences, this share of the pixels of each predicted class gets one, the most
    certain first."""
    pseudo_adjustment: Fraction = 0.5
    """Since version 3. Strength of the logit adjustment for pseudo-labels: the share of the class weights that is
    corrected."""
    unlabelled_share: Fraction = 0.0
    """Since version 3. Share of crops from images without labels, after these got pseudo-labels."""

    # Grouping of pixels into objects: the values before the fit to the validation images, and those that the fit tries
    radius: pydantic.PositiveInt = 5
    least_heat: float = 0.3
    """Since version 2."""
    least_area: pydantic.PositiveInt = 4
    group_by: str = "centres"
    radii: _Sizes = (2, 3, 5, 7, 10, 14)
    least_heats: _Shares = (0.1, 0.2, 0.3, 0.4, 0.5)
    """Since version 3."""
    least_areas: _Sizes = (4, 8, 16, 32)
    grouping_rounds: pydantic.PositiveInt = 2
    """Since version 3. The most rounds of the fit over all parameters; it ends earlier if a round does not help."""
    grouping_pixels: pydantic.PositiveInt = 4_000_000
    """Since version 3. The fit reads validation images until they have this many pixels."""
    grouping_images: pydantic.NonNegativeInt = 0
    """Since version 3. The number of training images, evenly spaced, that the grouping is fitted to in addition to the
    validation images, if these are fewer than `choosing_images`."""
    coarse_radius: pydantic.PositiveInt = 4
    """Since version 3. If all radii are at least twice this number, the fit reads only every n-th row and column, with
    n such that the smallest radius is still this many pixels. Large objects then take no more time than small ones."""

    # Class bias: what the fit to the validation images reads and tries
    bias_images: pydantic.PositiveInt = 64
    """Since version 3. The number of images, evenly spaced, that the class bias and the grouping are fitted to. More
    are not worth the time of predicting them."""
    bias_values: pydantic.PositiveInt = 8_000_000
    """Since version 3. The most logits that the fit reads, from every n-th row and column."""
    bias_shares: _Shares = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """Since version 3. Strengths of the logit adjustment that are tried first: 0 keeps the effect of the class weights,
    1 removes it."""
    bias_reach: pydantic.NonNegativeFloat = 0.8
    """Since version 3. How far the bias of each class may then move, up or down. Up to this distance a fit to one
    street of CamVid also helps on another (docs/experiments/trials.md)."""
    bias_candidates: pydantic.PositiveInt = 17
    """Since version 3. The number of values that are tried within this distance."""
    bias_rounds: pydantic.PositiveInt = 3
    """Since version 3. The most rounds of the fit over all classes; it ends earlier if a round does not help."""
    bias_least_gain: pydantic.NonNegativeFloat = 1e-4
    """Since version 3. The least gain in mean IoU for which the bias of a class is moved."""

    # Validation and prediction
    evaluations: pydantic.NonNegativeInt
    """Number of validations, which choose the best weights. With 0 the last weights are stored."""
    choosing_images: pydantic.NonNegativeInt = 0
    """Since version 3. The score on the validation images chooses the weights only if there are at least this many.
    Otherwise the last weights are stored: the score of a handful of images tells little about others."""
    calibrated: bool = True
    """Whether a class bias is fitted to the validation images at the end."""
    bias_pixels: pydantic.NonNegativeInt = 0
    """Since version 3. A class with fewer labelled validation pixels gets only the logit adjustment, and no bias of its
    own."""
    magnifications: Annotated[tuple[_TestScale, ...], pydantic.Field(min_length=1)] = (1.0,)
    """Test-time scales, over which logits are averaged."""
    mirrored: bool = False
    """Flip TTA: whether logits are averaged with those of the image flipped left to right."""
    tile: _Side
    overlap: pydantic.NonNegativeInt

    # Length
    crops: pydantic.PositiveInt | None = None
    """Crops of the whole run, if full batches would have more; the steps then share them in proportion."""
    earlier: tuple[Length, ...] = ()
    """Lengths that the run had before it was extended, in order. Each part follows the schedule of the length at which
    it was trained."""

    @property
    def has_pseudo_labels(self) -> bool:
        return self.teacher_lead > 0 or len(self.pseudo_rounds) > 0

    def can_choose_by(self, validation_images: int) -> bool:
        """Return whether so many validation images are enough for their score to choose the weights."""
        return validation_images >= self.choosing_images

    @property
    def flip_axes(self) -> tuple[int, ...]:
        """The axes of (..., height, width) along which flip TTA flips an image."""
        if not self.mirrored:
            return ()
        return (-2, -1) if self.rotate else (-1,)
