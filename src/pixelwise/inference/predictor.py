"""`Predictor`: a model for images of any size. `pw.load` returns it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError, ShapeError
from pixelwise.inference.decoding import Decoding, PixelDecoding, decoding_of
from pixelwise.inference.engines.base import Engine, PaddedEngine
from pixelwise.inference.engines.checks import name_image_in_errors
from pixelwise.inference.inputs import ImageLike, PathLike, is_many, is_path, to_pixels
from pixelwise.inference.mc_dropout import MonteCarloDropout, moments_of_passes, softmax
from pixelwise.inference.result import Result
from pixelwise.instances.objects import Objects
from pixelwise.modelfile.info import ModelInfo
from pixelwise.raster.axes import count_unread
from pixelwise.raster.bands import read_channels
from pixelwise.tasks import TASKS
from pixelwise.tiling.coarse import upsample_labels
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import Block, Image, LabelBlock, stitch_blocks, stitch_logits

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


class Predictor:
    """A model, ready to predict. `load` makes one from a model file.

    An image with a side beyond `info.tile` is cut into tiles that overlap and are blended. Any number of threads may
    predict at the same time; `at_once` of them use the cores best.

    Parameters
    ----------
    engine
        Computes logits from images.
    info
        The metadata of the model.
    path
        The model file, where there is one.
    at_once
        How many threads predict at the same time, as the engine was told when it was opened.

    Attributes
    ----------
    info : ModelInfo
        The metadata of the model: its net, classes, tiles, bands.
    path : Path or None
        The model file.
    at_once : int
        The parameter of this name.
    engine : Engine
        Computes logits from images of any size, or of `engine.input_side`.
    tiling : Tiling
        Side, overlap and stride of the tiles, in pixels.
    decoding : Decoding
        Makes label maps and objects from logits.
    thresholds : dict
        The thresholds of `with_thresholds` by class index; empty without any.
    has_tta : bool
        Whether it predicts with test-time augmentation (see `with_tta`).

    Examples
    --------
    >>> import pixelwise as pw
    >>> predictor = pw.load("runs/photos")
    >>> result = predictor.predict("photo.jpg")
    >>> result.label_map.shape
    (64, 96)
    >>> predictor.predict(result.image[:32]).label_map.shape  # an array
    (32, 96)
    >>> [result.source.name for result in predictor.predict_each("photos/val/images")]
    ['4.png', '5.png']
    """

    def __init__(self, engine: Engine, info: ModelInfo, path: Path | None = None, at_once: int = 1) -> None:
        self.info = info
        self.path = path
        self.at_once = at_once
        self.thresholds: dict[int, float] = {}
        self.has_tta = False
        self.decoding: Decoding = decoding_of(info)
        self.tiling = Tiling(info.tile, info.overlap, info.stride)
        if engine.input_side is not None:
            self.tiling = self.tiling.with_tile(engine.input_side)
            engine = PaddedEngine(engine, engine.input_side)
        self.engine = engine

    @property
    def classes(self) -> ClassMap:
        """Names and colours of the classes, a `ClassMap`.

        Examples
        --------
        >>> import pixelwise as pw
        >>> pw.load("runs/photos").classes.names
        ('background', 'square')
        """
        return self.info.classes

    def with_tta(self) -> Predictor:
        """Return a predictor with test-time augmentation.

        Its logits are the mean over the image at 0.75, 1 and 1.25 times its size and the mirror images of these three:
        six times the computation.

        Returns
        -------
        Predictor

        Raises
        ------
        OptionError
            The engine takes images of one size only.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> model.with_tta().predict("photo.jpg").label_map.shape
        (64, 96)
        """
        from pixelwise.inference.tta import AugmentedEngine  # rarely asked for

        if self.engine.input_side is not None:
            problem, expected = "an engine that takes images of one size", "one that takes any size"
            raise OptionError("tta", problem, expected, "Use `engine='onnxruntime'`.")
        changed = copy.copy(self)
        changed.engine = AugmentedEngine(self.engine, offsets=self.decoding.has_objects)
        changed.has_tta = True
        return changed

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Predictor:
        """Return a predictor whose label maps follow thresholds of probabilities.

        Parameters
        ----------
        thresholds
            By name of class, between 0 and 1: the class has the pixels where its probability reaches the threshold, and
            no others (see `apply_thresholds`).

        Returns
        -------
        Predictor

        Raises
        ------
        OptionError
            The model segments objects, has no class of a given name, or every class has a threshold.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> model.with_thresholds({"square": 0.3}).predict("photo.jpg").label_map.shape
        (64, 96)
        """
        from pixelwise.inference.thresholds import thresholds_by_index  # rarely asked for

        if self.decoding.has_objects:
            remedy = "Leave `thresholds` out; every object comes with its score."
            raise OptionError("thresholds", "an instance model", "a semantic one", remedy)
        changed = copy.copy(self)
        changed.thresholds = thresholds_by_index(thresholds, self.classes)
        changed.decoding = PixelDecoding(TASKS[self.info.task], self.info, changed.thresholds)
        return changed

    def read(self, path: Path) -> UInt8:
        """Read an image file in the channels of the model.

        Parameters
        ----------
        path
            The file, or a page or frame in one, counted from 0 (`clip.gif/2`).

        Returns
        -------
        numpy.ndarray
            uint8 (height, width, C).

        Raises
        ------
        ImageError
            The file cannot be read.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> from pathlib import Path
        >>> model.read(Path("photo.jpg")).shape
        (64, 96, 3)
        """
        return read_channels(path, self.info.bands, self.info.value_range)

    @overload
    def predict(  # type: ignore[overload-overlap]  # an array can be iterated over, and is an image all the same
        self, image: ImageLike, sampling: MonteCarloDropout | None = None, *, probabilities: bool = False
    ) -> Result: ...

    @overload
    def predict(
        self, image: Iterable[ImageLike], sampling: MonteCarloDropout | None = None, *, probabilities: bool = False
    ) -> Iterator[Result]: ...

    def predict(
        self,
        image: ImageLike | Iterable[ImageLike],
        sampling: MonteCarloDropout | None = None,
        *,
        probabilities: bool = False,
    ) -> Result | Iterator[Result]:
        """Predict an image, or each image of a list or folder.

        Parameters
        ----------
        image
            - The path of a file, or of a page or frame in one, counted from 0 (`clip.gif/2`). Of a file with several
              pages only the first is predicted, with a warning. The values of images of more than 8 bits are spread
              over 0..255 by the model's value range.
            - An array: (height, width), (height, width, 3) RGB, or (height, width, 4), of which the last channel is
              dropped. uint8 is used unchanged, bool becomes 0 and 255, floating-point values in 0..1 become 0..255, and
              uint16 is spread like a file of 16 bits. For a model of bands (height, width, C): uint8 is used unchanged,
              other numbers are spread by the model's ranges.
            - A PIL image. It is rotated by its EXIF orientation; its values are converted like those of arrays.
            - bytes, or an open binary file: the content of an image file.
            - A torch tensor (channels, height, width). Its values are converted like those of arrays.
            - A list or any iterable of these, or the path of a folder, which is searched with its subfolders: the
              result is an iterator, as `predict_each` returns.
        sampling
            Predict with several passes with dropout on; the result then has their variance.
        probabilities
            Store the probabilities of all classes in the result, 4 K bytes a pixel. Otherwise they are computed on
            first access, by running the model again.

        Returns
        -------
        Result or iterator of Result

        Raises
        ------
        ImageError
            A file cannot be read, or values are outside their range.
        ShapeError
            An array or tensor is no image for this model.
        OptionError
            `image` is none of these, or `sampling` is given for a model without dropout or a model of objects.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> model.predict("photo.jpg").label_map.shape
        (64, 96)
        >>> for result in model.predict(["photo.jpg", "photo.jpg"]):
        ...     print(result.source.name)
        photo.jpg
        photo.jpg
        """
        if is_many(image):
            return self.predict_each(image, sampling, probabilities=probabilities)
        if is_path(image):
            path = Path(image)
            if unread := count_unread(path, as_bands=self.info.bands is not None):
                several = f"{path}: {unread + 1} pages or frames, of which the first alone is predicted"
                remedy = "save each of them as a file" if self.info.bands else f"{path / '1'} names the second"
                warnings.warn(f"{several}; {remedy}", stacklevel=2)
            return self.predict_file(path, sampling, probabilities=probabilities)
        return self._predict(to_pixels(image, self.info), None, sampling, probabilities=probabilities)

    def predict_file(
        self, path: Path, sampling: MonteCarloDropout | None = None, *, probabilities: bool = False
    ) -> Result:
        """Predict an image file as `predict` does, without its warning about further pages or frames.

        Parameters
        ----------
        path
            The file, or a page or frame in one, counted from 0 (`clip.gif/2`).
        sampling, probabilities
            As for `predict`.

        Returns
        -------
        Result

        Raises
        ------
        ImageError
            The file cannot be read, or values are outside their range.
        OptionError
            `sampling` is given for a model without dropout or a model of objects.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.
        MissingDependencyError
            rasterio, which reads bands, is not installed.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> from pathlib import Path
        >>> model.predict_file(Path("photo.jpg")).label_map.dtype
        dtype('uint8')
        """
        with name_image_in_errors(path):
            return self._predict(self.read(path), path, sampling, probabilities=probabilities)

    def predict_each(
        self,
        images: PathLike | Iterable[ImageLike],
        sampling: MonteCarloDropout | None = None,
        *,
        probabilities: bool = False,
    ) -> Iterator[Result]:
        """Predict several images. Other threads read and predict the next images meanwhile.

        Parameters
        ----------
        images
            Images as `predict` takes them, or the path of a folder. Each page of a TIFF and each frame of an animation
            in a folder is an image.
        sampling, probabilities
            As for `predict`.

        Yields
        ------
        Result
            The result of each image, in the order of `images`.

        Raises
        ------
        DataError
            A folder has no image.
        OptionError
            `images` is a single image, or has a list or folder among its images.
        PixelwiseError
            An image cannot be predicted: the errors of `predict`, when its turn comes.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> [result.label_map.shape for result in model.predict_each(["photo.jpg"])]
        [(64, 96)]
        """
        from pixelwise.inference.batch import predict_each  # which predicts with this class

        return predict_each(self, images, sampling, probabilities=probabilities)

    def _predict(
        self, pixels: UInt8, source: Path | None, sampling: MonteCarloDropout | None, *, probabilities: bool
    ) -> Result:
        compute = partial(self.probabilities, pixels, sampling)
        if sampling is not None:
            label_map, variance = self.label_map_and_variance(pixels, sampling)
            return Result(pixels, label_map, self.info, compute, variance=variance, source=source)
        if probabilities and not self.decoding.has_objects:
            values = self.probabilities(pixels)
            return Result(pixels, self.decoding.choose(values), self.info, lambda: values, source=source)
        label_map, objects = self.decode(pixels)
        return Result(pixels, label_map, self.info, compute, instances=objects, source=source)

    def label_map(self, image: UInt8) -> UInt8:
        """Return the class of each pixel of an image.

        Parameters
        ----------
        image
            uint8 (height, width, C).

        Returns
        -------
        numpy.ndarray
            uint8 (height, width), class indices.

        Raises
        ------
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> import numpy as np
        >>> model.label_map(np.zeros((50, 70, 3), np.uint8)).shape
        (50, 70)
        """
        return self.decode(image)[0]

    def decode(self, image: UInt8) -> tuple[UInt8, Objects | None]:
        """Return the class of each pixel of an image, and its objects.

        A large image goes through the engine in tiles. Memory then grows by one byte a pixel, and by four more for the
        objects, not by a score for each class.

        Parameters
        ----------
        image
            uint8 (height, width, C).

        Returns
        -------
        label_map : numpy.ndarray
            uint8 (height, width), class indices.
        objects : Objects or None
            The objects; `None` for a semantic model.

        Raises
        ------
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> import numpy as np
        >>> label_map, objects = model.decode(np.zeros((50, 70, 3), np.uint8))
        >>> objects is None  # a semantic model
        True
        """
        self._require_image(image)
        decoding, coarse, size = self.decoding, self.engine.coarse, image.shape[:2]
        if (labels := self.label_blocks(image)) is not None:
            label_map = np.empty(size, np.uint8)
            for block in labels:
                label_map[block.place] = block.labels
            return label_map, None
        if coarse is not None and decoding.is_argmax and max(size) <= self.tiling.tile:
            return upsample_labels(coarse(image[None])[0], size, self.info.stride), None
        return decoding.decode(stitch_blocks(self.engine, image, self.tiling), size)

    def logits(self, image: UInt8) -> Float32:
        """Return the logits of an image.

        Parameters
        ----------
        image
            uint8 (height, width, C).

        Returns
        -------
        numpy.ndarray
            float32 (K, height, width), the scores of K classes. A model of objects has three more channels: the heat of
            centres, and the offsets (down, right) to them in pixels.

        Raises
        ------
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> import numpy as np
        >>> model.logits(np.zeros((50, 70, 3), np.uint8)).shape
        (2, 50, 70)
        """
        self._require_image(image)
        return stitch_logits(self.engine, image, self.tiling)

    def blocks(self, image: Image, from_row: int = 0) -> Iterator[Block]:
        """Iterate over the logits of an image in blocks, so that those of a large image are never in memory at once.

        An image that is read in parts is not held whole, either.

        Parameters
        ----------
        image
            uint8 (height, width, C), or what reads parts of such an image: `image[rows, columns]` of two slices.
        from_row
            Begin with the blocks that hold this row; the earlier ones are neither read nor computed.

        Yields
        ------
        Block
            `row`, `column`, and `logits`, float32 (channels, height, width) (see `logits`). Blocks come row by row,
            from left to right, and cover each pixel once.

        Raises
        ------
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.
        ImageError
            A part of the image cannot be read.

        Examples
        --------
        >>> import numpy as np
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> [(block.row, block.column, block.logits.shape) for block in model.blocks(np.zeros((50, 70, 3), np.uint8))]
        [(0, 0, (2, 50, 70))]
        """
        self._require_image(image)
        return stitch_blocks(self.engine, image, self.tiling, from_row=from_row)

    def label_blocks(self, image: Image, from_row: int = 0) -> Iterator[LabelBlock] | None:
        """Return an iterator over the label map of an image in blocks, where the engine computes labels by itself.

        Parameters
        ----------
        image
            As for `blocks`.
        from_row
            Begin with the blocks that hold this row.

        Returns
        -------
        iterator of LabelBlock, or None
            Blocks with `row`, `column` and `labels`, uint8 (height, width), in the order of `blocks`. `None` where the
            engine gives logits only, or where a label is not simply the class with the highest score.

        Raises
        ------
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.
        ImageError
            A part of the image cannot be read.

        Examples
        --------
        >>> import numpy as np
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")  # with onnxruntime, which gives logits
        >>> model.label_blocks(np.zeros((50, 70, 3), np.uint8)) is None
        True
        """
        if self.engine.label_blocks is None or not self.decoding.is_argmax:
            return None
        self._require_image(image)
        return self.engine.label_blocks(image, self.tiling, from_row)

    def label_map_and_variance(self, image: UInt8, sampling: MonteCarloDropout) -> tuple[UInt8, Float32]:
        """Predict an image by several passes with dropout on.

        Parameters
        ----------
        image
            uint8 (height, width, C).
        sampling
            How many passes, and their seed.

        Returns
        -------
        label_map : numpy.ndarray
            uint8 (height, width), class indices, from the mean of the passes' probabilities.
        variance : numpy.ndarray
            float32 (height, width), 0..0.25: the variance of each class's probability over the passes, averaged over
            the classes.

        Raises
        ------
        OptionError
            The model has no dropout, or it segments objects.
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        With an engine that drops the score of the first class in half of the passes:

        >>> import numpy as np
        >>> import pixelwise as pw
        >>> class DroppedFirst(pw.Engine):
        ...     can_sample = True
        ...     def __call__(self, images):
        ...         return images[..., :2].transpose(0, 3, 1, 2).astype(np.float32)
        ...     def sample(self, images, seed):
        ...         return self(images) * np.array([seed % 2, 1], np.float32)[:, None, None]
        >>> predictor = pw.Predictor(DroppedFirst(), pw.load("runs/photos").info)
        >>> image = np.array([[[250, 0, 0], [0, 250, 0]]], np.uint8)  # a red and a green pixel
        >>> label_map, variance = predictor.label_map_and_variance(image, pw.MonteCarloDropout(passes=20))
        >>> label_map.tolist()
        [[0, 1]]
        >>> variance.round(2)
        array([[0.06, 0.  ]], dtype=float32)
        """
        if self.decoding.has_objects:
            raise OptionError("sampling", "an instance model", "a semantic one", "Leave `sampling` out.")
        self._require_image(image)
        label_map = np.empty(image.shape[:2], np.uint8)
        variance = np.empty(image.shape[:2], np.float32)
        for block in stitch_blocks(moments_of_passes(self.engine, sampling), image, self.tiling):
            label_map[block.place] = self.decoding.choose(block.logits[:-1])
            variance[block.place] = block.logits[-1]
        return label_map, variance

    def probabilities(self, image: UInt8, sampling: MonteCarloDropout | None = None) -> Float32:
        """Return the probability of each class at each pixel.

        Parameters
        ----------
        image
            uint8 (height, width, C).
        sampling
            Average the probabilities of several passes with dropout on.

        Returns
        -------
        numpy.ndarray
            float32 (K, height, width), 0..1, that sum to 1 over the K classes.

        Raises
        ------
        OptionError
            `sampling` is given for a model without dropout.
        ShapeError
            The image has another shape or dtype, or no pixels.
        ModelFileError
            The model fails on the image, or gives scores that are no finite numbers.

        Examples
        --------
        >>> import pixelwise as pw
        >>> model = pw.load("runs/photos")
        >>> import numpy as np
        >>> probabilities = model.probabilities(np.zeros((50, 70, 3), np.uint8))
        >>> probabilities.shape, bool(np.allclose(probabilities.sum(axis=0), 1, atol=1e-5))
        ((2, 50, 70), True)
        """
        if sampling is None:
            return softmax(self.logits(image)[: self.classes.num_classes])
        self._require_image(image)
        return stitch_logits(moments_of_passes(self.engine, sampling), image, self.tiling)[:-1]

    def _require_image(self, image: Image) -> None:
        channels = self.info.in_channels
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels or image.size == 0:
            shape = "x".join(map(str, image.shape))
            expected = f"uint8 height x width x {channels}, not empty"
            remedy = (
                "Convert the array to RGB in 0..255 first, as numpy.asarray(PIL.Image.open(path).convert('RGB')) is."
            )
            if self.info.bands is not None:
                remedy = f"Give the path of a file with the bands {', '.join(map(str, self.info.bands.numbers))}."
            raise ShapeError("image", f"an array of {image.dtype} {shape}", expected, remedy)
