"""Encoders by name: families of encoders, and the look-up of names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry, extension_errors, requires_attributes

if TYPE_CHECKING:
    from pixelwise.nn.encoders.base import Encoder


class EncoderFamily(Protocol):
    """The protocol of the entries of `ENCODERS`: nets from one source, such as timm."""

    aligned: bool
    """Whether position j of a map corresponds to the pixels `stride * j` to `stride * (j + 1) - 1` of the image, as all
    decoders but FCN's assume."""

    def names(self) -> Sequence[str]:
        """Return the names of the family's nets, from which similar names are suggested for a misspelt one."""
        ...

    def knows(self, name: str) -> bool:
        """Return whether `build` takes `name`. A name may have a suffix that `names` does not list."""
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
            A name that the family `knows`.
        in_channels
            Channels of the image.
        pretrained
            Whether to load trained weights; otherwise they are random, drawn from torch's generator.
        output_stride
            The last stride, 8 or 16; each later stride is replaced by dilation. `None` for the net's own strides.
        expanded
            Return the maps before the last projection of a block, if the net has any. A family may ignore this.

        Returns
        -------
        Encoder
            Its strides ascend, each a multiple of the one before.

        Raises
        ------
        OptionError
            The net cannot be built with these options.
        MissingDependencyError
            The pretrained weights are not available.
        """
        ...


BUILT_IN = {
    "torchvision": "pixelwise.nn.encoders.torchvision:FAMILY",
    "timm": "pixelwise.nn.encoders.timm:FAMILY",
}
ENCODERS: Registry[EncoderFamily] = Registry(
    "encoder",
    "pixelwise.encoders",
    BUILT_IN,
    requires_attributes("a family of encoders, an object", "names", "knows", "build"),
)
"""The families by name. `pixelwise.register_encoder` and the entry points `pixelwise.encoders` add to them.

A name that several families know belongs to the first: `vgg16` is torchvision's classifier, `timm/vgg16` timm's net.
"""


def find_encoder(name: str) -> tuple[str, str]:
    """Return the family of the encoder `name`, or `family/name`, and its name within the family.

    Raises
    ------
    OptionError
        No family knows the name; the message lists similar names.
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
    """Build the encoder `name` of any family.

    Parameters
    ----------
    name
        As `pixelwise encoders` lists it, any other convolutional net of timm, or `family/name`.
    in_channels, pretrained, output_stride, expanded
        See `EncoderFamily.build`.

    Raises
    ------
    OptionError
        No family knows the name, or the net cannot be built with these options.
    MissingDependencyError
        The pretrained weights are not available.
    """
    family, net = find_encoder(name)
    with extension_errors(ENCODERS.origin(family), "an `Encoder`"):
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
    """Build the encoder `name` for a decoder that reads aligned maps. Raises as `build_encoder`, and `OptionError` for
    a net whose maps are not aligned."""
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
        "encoder",
        f"{name!r}, {family}'s classifier, which the FCNs take",
        "an encoder whose maps are aligned with the image",
        remedy,
    )
