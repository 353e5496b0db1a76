"""Adding to pixelwise from another package: losses, augmentations, layouts of data sets.

Each `register_...` puts one thing under a name that the options then take. A package that is installed can do without
the call: an entry point in the group `pixelwise.losses`, `.augmentations` or `.layouts`, with the value
`module:attribute`, does the same, and nothing is imported before the name is used.

A thing may be given as such a text here, too. A name that is taken is refused with `OptionError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelwise.data.layout import Layout
    from pixelwise.nn.augment import Augmentation
    from pixelwise.nn.losses import Loss


def register_loss(name: str, loss: Loss | str) -> None:
    """Add a loss, which `train(..., loss=name)` then takes.

    Parameters
    ----------
    name
        What the option `loss` calls it.
    loss
        A function of logits (N, K, H, W) and target (N, H, W), as `pixelwise.nn.losses.Loss` describes it.

    Raises
    ------
    OptionError
        The name is taken.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_loss("softmax", "pixelwise.nn.losses.cross_entropy:cross_entropy")
    """
    from pixelwise.nn.losses import LOSSES

    LOSSES.register(name, loss)


def register_augmentation(name: str, augmentation: Augmentation | str) -> None:
    """Add an augmentation of the training images.

    Parameters
    ----------
    name
        What the option `augmentations` calls it.
    augmentation
        A module or an object with the functions `draw`, `on_image`, `on_label_map` and `on_instance_map`, as
        `pixelwise.nn.augment.Augmentation` describes them.

    Raises
    ------
    OptionError
        The name is taken.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_augmentation("photometric", "pixelwise.nn.augment:color")
    """
    from pixelwise.nn.augment import AUGMENTATIONS

    AUGMENTATIONS.register(name, augmentation)


def register_layout(name: str, layout: Layout | str) -> None:
    """Add a data set layout, which `open_dataset` then recognises and `convert` writes.

    Parameters
    ----------
    name
        What the options `format` and `to` call it.
    layout
        How such a directory is recognised, read and written. It is asked after the layouts of pixelwise, and before a
        directory is taken for `folders`.

    Raises
    ------
    OptionError
        The name is taken.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_layout("via", "pixelwise.data.layouts.via:LAYOUT")
    """
    from pixelwise.data.layouts import LAYOUTS

    LAYOUTS.register(name, layout)
