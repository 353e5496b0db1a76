"""Encoders by name: families of encoders, and the one place that looks a name up."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry

if TYPE_CHECKING:
    from pixelwise.nn.encoders.base import Encoder


class EncoderFamily(Protocol):
    """What every entry of `ENCODERS` is: nets from one source, such as timm."""

    aligned: bool
    """Whether position j of a map stands for the pixels `stride * j` to `stride * (j + 1) - 1` of the image, as all
    decoders assume but FCN's."""

    def names(self) -> Sequence[str]:
        """Return the names of the family's nets, to answer a misspelt one with the close ones."""
        ...

    def knows(self, name: str) -> bool:
        """Return whether `build` takes `name`; also of a name with a suffix, which `names` need not list."""
        ...

    def build(
        self,
        name: str,
        in_channels: int = 3,
        *,
        pretrained: bool = False,
        output_stride: int | None = None,
        expanded: bool = False,
    ) -> Encoder:
        """Build a net without its classifier.

        Parameters
        ----------
        name
            One that the family `knows`.
        in_channels
            Channels of the image.
        pretrained
            Whether the weights are trained ones, else random ones that follow from torch's generator.
        output_stride
            Where the strides are to end, 8 or 16: each later one is replaced by dilation. `None` for the net's own.
        expanded
            Give the maps before a block's last projection, where the net has any; a wish that a family may ignore.

        Returns
        -------
        Encoder
            With ascending strides, each a multiple of the one before.

        Raises
        ------
        OptionError
            The net cannot be built so.
        MissingDependencyError
            The pretrained weights cannot be had.
        """
        ...


BUILT_IN = {
    "torchvision": "pixelwise.nn.encoders.torchvision:FAMILY",
    "timm": "pixelwise.nn.encoders.timm:FAMILY",
}
ENCODERS: Registry[EncoderFamily] = Registry("encoder", "pixelwise.encoders", BUILT_IN)
"""The families by name. `pixelwise.register_encoder` and the entry points `pixelwise.encoders` add to them.

A name that several families know is the first one's: `vgg16` is torchvision's classifier, `timm/vgg16` timm's net.
"""


def find_encoder(name: str) -> tuple[str, str]:
    """Return the family and the name within it of an encoder `name`, or `family/name`.

    Raises
    ------
    OptionError
        No family knows the name; the message lists the close ones.
    """
    prefix, slash, rest = name.partition("/")
    if slash and prefix in ENCODERS and ENCODERS[prefix].knows(rest):
        return prefix, rest
    for family in ENCODERS:
        if ENCODERS[family].knows(name):
            return family, name
    names = list(dict.fromkeys(known for family in ENCODERS for known in ENCODERS[family].names()))
    close = ", ".join(difflib.get_close_matches(name, names, 4)) or "none is close"
    raise OptionError(
        "encoder", repr(name), f"an encoder's name (close ones: {close})", "Run `pixelwise encoders` for a list."
    )


def build_encoder(
    name: str,
    in_channels: int = 3,
    *,
    pretrained: bool = False,
    output_stride: int | None = None,
    expanded: bool = False,
) -> Encoder:
    """Build the encoder `name`, of whatever family.

    Parameters
    ----------
    name
        As `pixelwise encoders` lists it, any other convolutional net of timm, or `family/name`.
    in_channels, pretrained, output_stride, expanded
        See `EncoderFamily.build`.

    Raises
    ------
    OptionError
        No family knows the name, or the net cannot be built so.
    MissingDependencyError
        The pretrained weights cannot be had.
    """
    family, net = find_encoder(name)
    return ENCODERS[family].build(
        net, in_channels, pretrained=pretrained, output_stride=output_stride, expanded=expanded
    )


def build_pyramid(
    name: str,
    in_channels: int = 3,
    *,
    pretrained: bool = False,
    output_stride: int | None = None,
    expanded: bool = False,
) -> Encoder:
    """Build the encoder `name` for a decoder that reads aligned maps; errors as of `build_encoder`, and for a net whose
    maps are not aligned."""
    require_pyramid(name)
    return build_encoder(name, in_channels, pretrained=pretrained, output_stride=output_stride, expanded=expanded)


def require_pyramid(name: str) -> None:
    """Raise `OptionError` for an encoder that no family knows, or whose maps are not aligned with the image."""
    family, net = find_encoder(name)
    if ENCODERS[family].aligned:
        return
    others = [f"{other}/{net}" for other in ENCODERS if ENCODERS[other].aligned and ENCODERS[other].knows(net)]
    remedy = f"Write `encoder={others[0]!r}`." if others else "Choose another encoder, or an FCN as the model."
    raise OptionError(
        "encoder", f"{name!r}, {family}'s classifier, which the FCNs take", "one whose maps lie on the image", remedy
    )
