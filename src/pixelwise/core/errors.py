"""The errors a user can cause, each saying where, what was found, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path


class PixelwiseError(Exception):
    """A mistake in what pixelwise was given, told so that it can be mended.

    `where` names the file, directory or option; `found` and `expected` complete the sentences "found ..." and
    "expected ..."; `remedy` is one full sentence. The command line prints the message and exits with code 2.
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
    """A data set that cannot be recognised, or cannot be used as it is."""


class ImageError(PixelwiseError):
    """An image file that cannot be read, or not safely."""


class MaskError(PixelwiseError):
    """A mask whose values or size do not fit its classes or its image."""


class ModelFileError(PixelwiseError):
    """An .onnx file that pixelwise did not write, or that was damaged."""


class RunError(PixelwiseError):
    """A run directory that is missing something, or belongs to another data set or model."""


class OptionError(PixelwiseError):
    """An option or argument with a value that makes no sense here."""


class ShapeError(PixelwiseError):
    """An array or tensor whose shape, dtype or size does not fit."""


class OutputError(PixelwiseError):
    """A result that cannot be written: no space, no permission, or already there."""


class MissingDependencyError(PixelwiseError):
    """An optional package that the asked-for command needs."""
