"""What a data set loses in another layout, which cannot store it."""

from __future__ import annotations

import re
from pathlib import Path

from pixelwise.core.text import quantity
from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.file_names import with_file_names
from pixelwise.data.references import flat_name, nfc


def name_changes(dataset: Dataset) -> list[str]:
    """Return a sentence on images whose names got a number, since they would be one name in a folder of files, and one
    on those whose names not every file can have."""
    sentences = []
    items = [item for _, item in dataset.items()]
    if numbered := [item for item in items if re.search(r"_\d+$", item.name) and not _is_named_as_file(item)]:
        first = numbered[0]
        image = _place(dataset, first)
        sentences.append(
            f"{quantity(len(numbered), 'name')} got a number, since others are equal: {image} is called {first.name}"
        )
    pairs = zip(dataset.items(), with_file_names(dataset).items(), strict=True)
    if unfit := [(item, renamed) for (_, item), (_, renamed) in pairs if item.name != renamed.name]:
        item, renamed = unfit[0]
        reason = "since they are too long, or hold what lists and annotations cannot"
        changed = f"{quantity(len(unfit), 'name')} {'was' if len(unfit) == 1 else 'were'} changed, {reason}"
        sentences.append(f"{changed}: {_place(dataset, item)} is called {renamed.name}")
    return sentences


def _place(dataset: Dataset, item: Item) -> Path:
    return item.image.relative_to(dataset.root) if item.image.is_relative_to(dataset.root) else item.image


def _is_named_as_file(item: Item) -> bool:
    """Return whether an item is called as its file is, or its file with the folders above it."""
    return flat_name(str(item.image)).endswith(nfc(item.name))


def find_losses(source: CheckResult, written: CheckResult) -> list[str]:
    """Return a sentence for each thing that `written`, the same images in another layout, does not hold.

    Classes are told apart by their names; the first may have got another one.
    """
    losses: list[str] = []
    names = {name: name for name in source.classes.names}
    first, other = source.classes.names[0], written.classes.names[0]
    if first not in written.classes.names and other not in names:
        names[first] = other
        losses.append(f"the class {first} is called {other}")
    place = {name: index for index, name in enumerate(written.classes.names)}
    for index, (name, new_name) in enumerate(names.items()):
        at = place.get(new_name)
        pairs = (
            ("labelled pixels", source.class_pixels, written.class_pixels),
            ("objects", source.class_objects, written.class_objects),
        )
        for what, before, after in pairs:
            gone = int(before[index]) - (0 if at is None else int(after[at]))
            if gone > 0:
                losses.append(f"{name}: {gone:,} of {int(before[index]):,} {what} are not kept")
    unknown, still = (result.pixels - int(result.class_pixels.sum()) for result in (source, written))
    if unknown > still:
        losses.append(f"{unknown - still:,} of {unknown:,} pixels without a label are not kept")
    if source.images != written.images:
        losses.append(f"{source.images - written.images:,} of {source.images:,} images are not kept")
    return losses
