"""A live head that is fitted once, to the labels of a data set, and then labels all pixels of images. No features are
kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.labels.boxes import tile_boxes
from pixelwise.labels.features import ArrayImage, Half, shared_extractor
from pixelwise.labels.head import Head, fit_new_head
from pixelwise.labels.live import SETTLED_STEPS, TILE_PIXELS, TOTAL_PIXELS
from pixelwise.labels.pixel_samples import sample_tiles, share_limit
from pixelwise.labels.prediction import predict_tile
from pixelwise.labels.strokes import UInt8

LabelledImage = Callable[[], tuple[UInt8, UInt8]]
"""Reads an image (H, W, C) and its label map (H, W)."""


@dataclass(frozen=True)
class Teacher:
    """Labels images with a fitted head."""

    head: Head

    @classmethod
    def fit(
        cls,
        images: Sequence[LabelledImage],
        num_classes: int,
        *,
        seed: int,
        steps: int = SETTLED_STEPS,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Teacher | None:
        """Fit a head to the labelled pixels of images, the same pixels as `LiveModel.fit` takes.

        Parameters
        ----------
        images
            Images that have labels.
        num_classes
            2 to 255.
        seed
            Determines the pixels and the fit.
        steps
            Steps of the fit.
        should_stop
            Asked before each image and each step.

        Returns
        -------
        teacher
            `None` if the fit was to stop, or no image has a label.
        """
        sampled = []
        for read in images:
            _, label_map = read()
            tiles = sample_tiles(ArrayImage(label_map).read, label_map.shape, num_classes, seed, TILE_PIXELS)
            sampled.append(tiles)
        share = share_limit([len(pixels) for tiles in sampled for pixels in tiles.values()], TOTAL_PIXELS)
        features: list[Half] = []
        classes = []
        for read, tiles in zip(images, sampled, strict=True):
            if should_stop():
                return None
            image = ArrayImage(read()[0])
            boxes = tile_boxes(image.size)
            for number, pixels in tiles.items():
                maps = shared_extractor(image.array.shape[2]).compute(image, boxes[number])
                first = pixels.select(slice(share))
                features.append(maps.columns(first.rows, first.columns).astype(np.float16))
                classes.append(first.class_indices.astype(np.int64))
        if not features:
            return None
        columns, targets = np.concatenate(features), np.concatenate(classes)
        head = fit_new_head(columns, targets, num_classes, steps=steps, seed=seed, should_stop=should_stop)
        return None if should_stop() else cls(head)

    def label(self, image: UInt8) -> tuple[UInt8, UInt8]:
        """Return the most probable class of each pixel of an image (H, W, C), and the lead of its probability over the
        second in 255ths, uint8 (H, W) each."""
        reader = ArrayImage(image)
        label_map, lead = np.empty((2, *reader.size), np.uint8)
        for box_tlbr in tile_boxes(reader.size):
            maps = shared_extractor(image.shape[2]).compute(reader, box_tlbr)
            prediction = predict_tile(self.head, 1, maps, box_tlbr)
            place = slice(box_tlbr[0], box_tlbr[2]), slice(box_tlbr[1], box_tlbr[3])
            label_map[place], lead[place] = prediction.label_map, 255 - prediction.uncertainty
        return label_map, lead
