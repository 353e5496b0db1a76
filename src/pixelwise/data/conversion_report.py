"""What a data set loses when it is converted to a layout that cannot store all of it."""

from __future__ import annotations

import re
from pathlib import Path

from pixelwise.core.text import quantity
from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.file_names import with_file_names
from pixelwise.data.references import flat_name, nfc


def name_changes(dataset: Dataset) -> list[str]:
    """Return a sentence on images whose names got a number to be distinct, and one on images that were renamed because
    files, lists or annotations cannot have their names."""
    sentences = []
    items = [item for _, item in dataset.items()]
    if numbered := [item for item in items if re.search(r"_\d+$", item.name) and not _is_named_as_file(item)]:
        first = numbered[0]
        image = _place(dataset, first)
        sentences.append(
            f"{quantity(len(numbered), 'name')} got a number to be distinct: {image} is called {first.name}"
        )
    pairs = zip(dataset.items(), with_file_names(dataset).items(), strict=True)
    if changes := [(item, renamed) for (_, item), (_, renamed) in pairs if item.name != renamed.name]:
        item, renamed = changes[0]
        reason = "since they are too long or have characters that lists or annotations cannot hold"
        changed = f"{quantity(len(changes), 'name')} {'was' if len(changes) == 1 else 'were'} changed, {reason}"
        sentences.append(f"{changed}: {_place(dataset, item)} is called {renamed.name}")
    return sentences


def _place(dataset: Dataset, item: Item) -> Path:
    return item.image.relative_to(dataset.root) if item.image.is_relative_to(dataset.root) else item.image


def _is_named_as_file(item: Item) -> bool:
    """Return whether an item has the name of its file, alone or with the folders before it."""
    return flat_name(str(item.image)).endswith(nfc(item.name))


def find_losses(source: CheckResult, written: CheckResult) -> list[str]:
    """Return a sentence for each thing that `written`, the same images in another layout, does not hold.

    Classes are matched by their names, except the first one, which a layout may have renamed.
    """
    losses: list[str] = []
    names = {name: name for name in source.classes.names}
    first, other = source.classes.names[0], written.classes.names[0]
    if first not in written.classes.names and other not in names:
        names[first] = other
        losses.append(f"the class {first} is called {other}")
    new_indices = {name: index for index, name in enumerate(written.classes.names)}
    for index, (name, new_name) in enumerate(names.items()):
        new_index = new_indices.get(new_name)
        pairs = (
            ("labelled pixels", source.class_pixels, written.class_pixels),
            ("objects", source.class_objects, written.class_objects),
        )
        for noun, before, after in pairs:
            lost = int(before[index]) - (0 if new_index is None else int(after[new_index]))
            if lost > 0:
                losses.append(f"{name}: {lost:,} of {int(before[index]):,} {noun} are not kept")
    unlabelled, still_unlabelled = (result.pixels - int(result.class_pixels.sum()) for result in (source, written))
    if unlabelled > still_unlabelled:
        losses.append(f"{unlabelled - still_unlabelled:,} of {unlabelled:,} pixels without a label are not kept")
    if source.images != written.images:
        losses.append(f"{source.images - written.images:,} of {source.images:,} images are not kept")
    return losses
