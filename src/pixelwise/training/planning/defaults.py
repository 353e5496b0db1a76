"""The numbers that planning writes into a recipe by default. They were chosen on a CamVid sequence left out of
training, on two cores. A training reads only its recipe, so a change here affects only new runs.
"""

from __future__ import annotations

from pixelwise.data.splits import LEAST
from pixelwise.nn.augment.color import ColorRanges
from pixelwise.training.recipe import RECIPE_VERSION, Recipe

CROP_PIXELS = 352 * 480
"""Area of a crop. Images up to this size are taken whole, since the position of a thing helps to recognise it."""
LONG_PIXELS = 6e8
"""A run is long from this many pixels of crops on: about six minutes on two cores without bfloat16. Long runs have
larger crops and a larger encoder."""
LONG_CROP_PIXELS = 544 * 736
LONG_ENCODER = "efficientnet_lite1"
MAX_IMAGE_SCALE = 1.5
"""Largest factor by which long runs magnify images to fill a large crop, for models with coarse logits."""
OBJECT_PIXELS = 24.0
"""Diameter to which small objects are magnified, so that the model separates those that touch."""
MAX_OBJECT_SCALE = 3.0
CROP_MULTIPLE = 32
SCALE = (0.667, 2.0)
"""Random magnification of crops, before the factor of the image scale."""
COLOR = 1.0
"""Strength of the photometric augmentation, where layers that see colours learn. The features of a frozen encoder
change little with colours, and the model generalises better without it."""

BATCH = 8
BATCH_PIXELS = 4 * CROP_PIXELS
"""Area of the crops of a step, unless two crops have more: half a second on two cores."""
SPLIT_PIXELS = 384 * 384
EARLY_SPLIT = 2
"""Crops of `SPLIT_PIXELS` and more start with half the sides, so that more images are seen early. In the second half of
the run the model still learns the positions of things."""

LEARNING_RATE = 4e-3
FROZEN_STRIDE = 32
"""Freezing all stages of a pretrained encoder halves the time of a step and generalises better."""
WARMUP_SHARE = 0.05
MAX_WARMUP_STEPS = 100
EMA_SHARE = 0.1
"""The time constant of the moving average of the weights, as a share of the run."""
EMA_DECAYS = (0.5, 0.9995)
"""The least and the largest decay of the moving average."""
HEAT_WEIGHT = 10.0
OFFSET_WEIGHT = 0.02
"""Weight of the offsets' loss, where the loss of the classes has weight 1, so that none of the three losses outweighs
the others."""

SPARSE_RATE_FACTOR = 0.375
"""On the learning rate of long runs with sparse labels. A step sees few labelled pixels, so its gradient is noisy, and
many smaller steps end nearer to the optimum. In a short run they would not get there."""
SPARSE_LOSS_STEP = 4
"""The stride of the logits from which those at labelled pixels are interpolated: that of the default model, whose
up-sampling does the same."""
LABEL_POINTS = 16384
TEACHER_LEAD = 0.5
"""A live head that is fitted to a few strokes is better than a net that learns from them alone, so the net learns from
its labels first (docs/experiments/trials.md). Used where there are images without labels."""
PSEUDO_WEIGHT = 1.0
"""Weight of pseudo-labels. Self-training is used for images without labels; where every image has labels, it costs
accuracy (docs/guides/few_labels.md)."""
PSEUDO_ROUNDS = (0.5,)
PSEUDO_SHARE = 0.25
"""Largest share of the time for pseudo-labels."""
PSEUDO_BYTES = 2**29
"""Largest memory for pseudo-labels, at two bytes a pixel."""
UNLABELLED_SHARE = 0.5
"""Largest share of crops from images without labels."""
BIAS_PIXELS = 50
SPARSE_BIAS_SHARES = (0.0, 0.2, 0.4)
"""Strengths of the logit adjustment that are tried on sparse labels. Few labelled pixels tell little about the best
one, and a large one costs accuracy on rare classes."""
SPARSE_BIAS_IMAGES = 128
"""Images that the class bias is fitted to: more than with dense labels, since an image adds few labelled pixels."""

VALIDATION_SHARE = 0.04
"""Largest share of the time for validation."""
MAX_EVALUATIONS = 20
TEST_SCALE = 1.25
"""Least test-time scale: finer logits, at the price of slower prediction."""
TWO_SCALES_MINUTES = 20.0
"""Runs of 20 minutes or more use two test-time scales, a quarter below and above: more accurate, twice the inference
cost."""
SPARSE_TWO_SCALES_MINUTES = 10.0
"""The same for sparse labels, with which a model is less certain at a single scale."""
MAX_TILE = 1536
MAX_SCALED_TILE = 1792
"""Largest side of a magnified tile, with flip TTA along one axis; the default model then needs 1.7 GB."""
TILE_MULTIPLE = 128
CONTEXT_PIXELS = 480
"""Least overlap of neighbouring tiles, in magnified pixels: the reach of the default model around a pixel."""
OVERLAP_MULTIPLE = 64

RECIPE = Recipe(
    version=RECIPE_VERSION,
    crop=(CROP_MULTIPLE, CROP_MULTIPLE),
    scale=SCALE,
    flip_probability=0.5,
    fill=(124, 116, 104),  # the mean colour of ImageNet
    color=COLOR,
    color_ranges=ColorRanges(brightness=0.3, saturation=0.3, contrast=0.2, white_balance=0.06, gamma=0.2),
    rotate=False,
    elastic=0.0,
    elastic_nodes=3,
    augmentations=(),
    batch=BATCH,
    early_split=1,
    early_share=0.5,
    crop_multiple=CROP_MULTIPLE,
    steps=1,
    warmup_steps=0,
    optimizer="adamw",
    momentum=0.0,
    betas=(0.9, 0.999),
    epsilon=1e-8,
    schedule="cosine",
    learning_rate=LEARNING_RATE,
    final_rate=0.25,  # the moving average has the effect of the rest of a full cosine
    bias_factor=1.0,
    encoder_factor=0.1,
    frozen_stride=FROZEN_STRIDE,
    weight_decay=0.1,
    norm_decay="none",
    ema_decay=0.0,
    loss="cross_entropy",
    reduction="mean",
    loss_step=2,  # neighbouring pixels carry similar information, and the loss of all of them takes an eighth of a step
    class_weights=(),
    label_points=0,
    border_weight=0.0,
    border_sigma=5.0,
    border_reach=5.0,
    heat_weight=0.0,
    offset_weight=0.0,
    heat_width=0.35,
    offset_unit=16.0,
    teacher_lead=0.0,
    pseudo_rounds=(),
    pseudo_weight=0.0,
    pseudo_points=16384,
    pseudo_images=0,
    confidence=(0.5, 0.9),
    confident_share=0.5,
    pseudo_adjustment=0.5,
    unlabelled_share=0.0,
    radius=5,  # these values suit objects of the size of nuclei; see `object_sizes` for larger ones
    least_heat=0.3,
    least_area=4,
    group_by="centres",
    radii=(2, 3, 5, 7, 10, 14),
    least_heats=(0.1, 0.2, 0.3, 0.4, 0.5),
    least_areas=(4, 8, 16, 32),
    grouping_rounds=2,
    grouping_pixels=4_000_000,
    grouping_images=20,
    choosing_images=LEAST,
    coarse_radius=4,
    bias_images=64,
    bias_values=8_000_000,
    bias_shares=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    bias_reach=0.8,
    bias_candidates=17,
    bias_rounds=3,
    bias_least_gain=1e-4,
    evaluations=0,
    calibrated=True,
    bias_pixels=0,
    magnifications=(TEST_SCALE,),
    mirrored=True,
    tile=MAX_TILE,
    overlap=OVERLAP_MULTIPLE,
    crops=None,
    earlier=(),
)
"""The values that do not depend on the data, and initial values of those that do. Every field is set: the defaults of
`Recipe` are for recipes that were stored before a field existed."""
