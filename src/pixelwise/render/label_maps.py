"""Label maps as pictures: colours, overlays on the image, and errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import IGNORE_INDEX, ClassMap, Color
from pixelwise.core.errors import OptionError
from pixelwise.render.drawing import UInt8, blend, require_label_map, require_picture

_WRONG: Color = (240, 110, 0)
"""The colour of wrong pixels."""


def colorize(label_map: UInt8, classes: ClassMap) -> UInt8:
    """Return a label map in the colours of its classes. Ignored pixels are black.

    Parameters
    ----------
    label_map
        uint8 (height, width).
    classes
        The classes and their colours.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Raises
    ------
    ShapeError
        The label map has another shape or dtype.

    Examples
    --------
    >>> classes = ClassMap(("sky", "road"), ((0, 0, 255), (90, 90, 90)))
    >>> colorize(np.array([[0, 1, 255]], np.uint8), classes).tolist()
    [[[0, 0, 255], [90, 90, 90], [0, 0, 0]]]
    """
    require_label_map(label_map, "label map")
    return classes.palette()[label_map]


def to_rgb(image: UInt8) -> UInt8:
    """Return an image of any number of channels as RGB: its first three channels, or, of one or two, the first as gray.

    Parameters
    ----------
    image
        uint8 (height, width, C).

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3). It may share memory with `image`.

    Examples
    --------
    >>> to_rgb(np.array([[[7, 9]]], np.uint8)).tolist()
    [[[7, 7, 7]]]
    """
    return image[..., :3] if image.shape[2] > 2 else np.repeat(image[..., :1], 3, axis=2)


def overlay(image: UInt8, label_map: UInt8, classes: ClassMap, opacity: float = 0.5) -> UInt8:
    """Return an image tinted with the colours of the classes. Each region has an edge.

    Background (see `is_tinted`) and ignored pixels show the image. A region beside them has an edge in its full colour
    with a dark line inside; between two classes the edge is a darker shade.

    Parameters
    ----------
    image
        uint8 (height, width, 3).
    label_map
        uint8 (height, width).
    classes
        The classes and their colours.
    opacity
        From 0, the image, to 1, the colours.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Raises
    ------
    ShapeError
        The image or the label map has another shape or dtype, or their sizes differ.
    OptionError
        The opacity is outside 0..1.

    Examples
    --------
    >>> classes = ClassMap(("background", "road"), ((0, 0, 0), (90, 90, 90)))
    >>> image, label_map = np.full((64, 64, 3), 200, np.uint8), np.zeros((64, 64), np.uint8)
    >>> label_map[:, 32:] = 1
    >>> overlay(image, label_map, classes)[0, [0, -1]].tolist()  # background; half of the class's colour
    [[200, 200, 200], [145, 145, 145]]
    """
    require_picture(image, "image")
    require_label_map(label_map, "label map", image.shape[:2])
    if not 0.0 <= opacity <= 1.0:
        remedy = "Choose an opacity in between, such as 0.5."
        raise OptionError("opacity", f"{opacity:g}", "a number from 0 to 1", remedy)
    colors = classes.palette()[label_map]
    tinted = blend(image, colors, opacity)
    untinted = ~_tinted_labels(classes)[label_map]
    edge = _find_edges(label_map)
    tinted[edge] = blend(tinted[edge], colors[edge] // 2, min(1.25 * opacity, 1.0))
    width = max(1, min(label_map.shape) // 400)
    outer_line, whole_border = _find_border(untinted, width), _find_border(untinted, 2 * width)
    tinted[whole_border] = blend(image[whole_border], colors[whole_border] // 3, min(1.5 * opacity, 1.0))
    tinted[outer_line] = blend(image[outer_line], colors[outer_line], min(2 * opacity, 1.0))
    tinted[untinted] = image[untinted]
    return tinted


def is_tinted(name: str, color: Color) -> bool:
    """Return whether an overlay shows a class in its colour: not background, and not black, which would only darken.

    Parameters
    ----------
    name
        The name of the class.
    color
        Its RGB colour, 0..255.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_tinted("background", (90, 90, 90)), is_tinted("road", (90, 90, 90))
    (False, True)
    """
    return name.strip(" _").casefold() != "background" and color != (0, 0, 0)


def error_map(image: UInt8, prediction: UInt8, target: UInt8) -> UInt8:
    """Return an image in gray with its wrong pixels in orange. Pixels that `target` ignores are dimmed.

    Parameters
    ----------
    image
        uint8 (height, width, 3).
    prediction
        The predicted classes, uint8 (height, width).
    target
        The true classes, uint8 (height, width), `IGNORE_INDEX` where they are unknown.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Raises
    ------
    ShapeError
        An array has another shape or dtype, or the three sizes differ.

    Examples
    --------
    >>> image, truth = np.full((1, 3, 3), 90, np.uint8), np.array([[0, 1, 255]], np.uint8)
    >>> error_map(image, np.zeros((1, 3), np.uint8), truth).tolist()  # right, wrong, ignored
    [[[90, 90, 90], [195, 104, 27], [30, 30, 30]]]
    """
    require_picture(image, "image")
    require_label_map(prediction, "prediction", image.shape[:2])
    require_label_map(target, "target", image.shape[:2])
    luminance = (image.astype(np.uint32) @ np.array((299, 587, 114), np.uint32) + 500) // 1000
    gray = np.repeat(luminance.astype(np.uint8)[..., None], 3, axis=2)
    ignored = target == IGNORE_INDEX
    wrong = (prediction != target) & ~ignored
    gray[wrong] = blend(gray[wrong], np.array(_WRONG, np.uint8), 0.7)
    gray[ignored] //= 3
    return gray


def _tinted_labels(classes: ClassMap) -> npt.NDArray[np.bool_]:
    """Return which values of a label map are tinted, boolean (256,)."""
    table = np.zeros(256, np.bool_)
    table[: classes.num_classes] = [is_tinted(*entry) for entry in zip(classes.names, classes.colors, strict=True)]
    return table


def _find_edges(label_map: UInt8) -> npt.NDArray[np.bool_]:
    """Return the pixels with another class to their right or below, within a line width that grows with the image."""
    edge = np.zeros(label_map.shape, np.bool_)
    for step in range(1, 1 + max(1, min(label_map.shape) // 500)):
        edge[:, :-step] |= label_map[:, :-step] != label_map[:, step:]
        edge[:-step] |= label_map[:-step] != label_map[step:]
    return edge


def _find_border(plain: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """Return the pixels outside `plain` that are within `width` rows or columns of it."""
    near = plain.copy()
    for step in range(1, 1 + width):
        near[step:] |= plain[:-step]
        near[:-step] |= plain[step:]
        near[:, step:] |= plain[:, :-step]
        near[:, :-step] |= plain[:, step:]
    border: npt.NDArray[np.bool_] = near & ~plain
    return border
