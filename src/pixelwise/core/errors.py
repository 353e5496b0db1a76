"""Errors that a user can cause. Each says where, what was found, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path


class PixelwiseError(Exception):
    """A mistake in what pixelwise was given; the base class of all its errors.

    The message reads "where: found ...; expected .... remedy". The command line prints it and exits with code 2.

    Parameters
    ----------
    where
        The file, directory or parameter that is wrong. Parameters have their names in Python.
    found
        What was found, as the end of "found ...".
    expected
        What was expected, as the end of "expected ...".
    remedy
        What to do: one or more full sentences.

    Attributes
    ----------
    where : str
        The file, directory or parameter that is wrong, as text.
    found : str
        What was found.
    expected : str
        What was expected.
    remedy : str
        What to do.

    Examples
    --------
    >>> import pixelwise as pw
    >>> try:
    ...     pw.load("no-such-model.onnx")
    ... except pw.PixelwiseError as error:
    ...     print(error.found)
    no such file or directory
    """

    def __init__(self, where: str | Path, found: str, expected: str, remedy: str) -> None:
        super().__init__(f"{where}: found {found}; expected {expected}. {remedy}")
        self.where = str(where)
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[PixelwiseError], tuple[str, str, str, str]]:
        return type(self), (self.where, self.found, self.expected, self.remedy)


class DataError(PixelwiseError):
    """A data set that cannot be recognised, or cannot be used as it is.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.open_dataset("no-such-folder")
    Traceback (most recent call last):
    pixelwise.core.errors.DataError: no-such-folder: found no such directory; expected a directory ...
    """


class ImageError(PixelwiseError):
    """An image file that cannot be read, or not safely.

    Examples
    --------
    >>> import pixelwise as pw
    >>> from pathlib import Path
    >>> _ = Path("empty.png").write_bytes(b"")
    >>> pw.load("runs/photos").predict("empty.png")
    Traceback (most recent call last):
    pixelwise.core.errors.ImageError: empty.png: found ...
    """


class MaskError(PixelwiseError):
    """A mask whose values or size do not fit its classes or its image.

    Examples
    --------
    >>> import pixelwise as pw
    >>> data = pw.open_dataset("uneven")
    >>> data.read(data.splits["train"][0])
    Traceback (most recent call last):
    pixelwise.core.errors.MaskError: uneven/masks/...: found ...
    """


class ModelFileError(PixelwiseError):
    """An .onnx file that pixelwise did not write, or that was damaged.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.load("photos/classes.yaml")
    Traceback (most recent call last):
    pixelwise.core.errors.ModelFileError: photos/classes.yaml: found ...
    """


class RunError(PixelwiseError):
    """A run directory that is missing something, or belongs to another data set or model.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.load("photos")
    Traceback (most recent call last):
    pixelwise.core.errors.RunError: photos: found no model.onnx; expected the directory of a finished run. ...
    """


class OptionError(PixelwiseError):
    """A parameter with a value that makes no sense here. `where` is its name in Python.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.models.build("fpm", num_classes=2)
    Traceback (most recent call last):
    pixelwise.core.errors.OptionError: model: found 'fpm' (did you mean fpn?); expected one of ...
    """


class ShapeError(PixelwiseError):
    """An array or tensor whose shape, dtype or size does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pixelwise as pw
    >>> pw.load("runs/photos").predict(np.zeros((8, 8, 2), np.uint8))
    Traceback (most recent call last):
    pixelwise.core.errors.ShapeError: image: found ...
    """


class OutputError(PixelwiseError):
    """A result that cannot be written: no space, no permission, or already there.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.convert("photos", "coco", "photos")
    Traceback (most recent call last):
    pixelwise.core.errors.OutputError: photos: found ...
    """


class MissingDependencyError(PixelwiseError):
    """An optional package that is not installed.

    Examples
    --------
    >>> import pixelwise as pw
    >>> raise pw.MissingDependencyError("engine", "no openvino", "the package", "Run pip install openvino.")
    Traceback (most recent call last):
    pixelwise.core.errors.MissingDependencyError: engine: found no openvino; expected the package. Run pip ...
    """


class ExtensionError(PixelwiseError):
    """An extension of another package, such as a layout or a loss, that cannot be loaded, or that fails. `where` names
    it and its package.

    Examples
    --------
    >>> import pixelwise as pw
    >>> pw.register_loss("half", lambda logits, target: 0.5)
    Traceback (most recent call last):
    pixelwise.core.errors.ExtensionError: loss 'half': found the function <lambda>(logits, target); expected ...
    """


class ExtensionWarning(UserWarning):
    """An extension of another package that has no effect, since its name is taken.

    Examples
    --------
    >>> import warnings
    >>> import pixelwise as pw
    >>> warnings.simplefilter("error", pw.ExtensionWarning)  # raise it in place of showing it
    """
