"""Hashes to check whether a run still has the data that it was started with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pixelwise.data.dataset import Dataset
from pixelwise.raster.stack import split_page


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 of the splits, names and sizes of a data set's files."""
    digest = hashlib.sha256(repr(dataset.classes).encode())
    for split, item in dataset.items():
        files = [split_page(path)[0] if path else None for path in (item.image, item.mask, item.instances, *item.more)]
        sizes = [_sizes(file) if file else None for file in files]
        digest.update(repr((split, item.name, sizes)).encode())
    for item in dataset.unlabelled:
        digest.update(repr((item.name, _sizes(split_page(item.image)[0]))).encode())
    return digest.hexdigest()


def _sizes(file: Path) -> int | list[tuple[str, int]]:
    """Return the size of a file; of a folder the names and sizes of its files."""
    if not file.is_dir():
        return file.stat().st_size
    return sorted((inner.name, inner.stat().st_size) for inner in file.iterdir())


def hash_label_values(dataset: Dataset) -> str | None:
    """Return a SHA-256 of the meaning of the values and colours in mask files; `None` without such files. A list of
    classes beside the files can change it although no mask file changes.
    """
    if dataset.mask_encoding is None:
        return None
    encoding = dataset.mask_encoding
    tables = [
        None if table is None else sorted(table.items())
        for table in (encoding.values, encoding.colors, encoding.palette)
    ]
    ids = (encoding.ignored_ids,) if encoding.ignored_ids else ()
    return hashlib.sha256(repr((tables, encoding.objects, *ids)).encode()).hexdigest()
