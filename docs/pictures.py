"""Draw a picture of the README from a finished demo: python docs/pictures.py DEMO (the --out of `pixelwise demo`)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise as pw
from pixelwise.render import error_map, join_column, join_row, join_row_with_captions, legend, overlay

DOCS = Path(__file__).parent
SHOWN, TABLES = (3, 8, 14), (0, 2)
CAPTIONS = ("photo", "prediction", "truth", "errors")


def main(demo: Path) -> None:
    model = pw.load(demo / "run")
    data = pw.open_dataset(demo / "data")
    if model.info.grouping is not None:
        images = [data.read(data.splits["test"][index]).image for index in TABLES]
        pictures = [picture for image in images for picture in (image, model.predict(image).overlay())]
        row = join_row_with_captions(pictures, ("photo", "objects") * len(images))
        Image.fromarray(np.asarray(row)).save(DOCS / "guides" / "objects.png", optimize=True)
        return
    rows = []
    for index in SHOWN:
        sample = data.read(data.splits["test"][index])
        result = model.predict(sample.image)
        truth = overlay(sample.image, sample.label_map, data.classes)
        rows.append(
            [sample.image, result.overlay(), truth, error_map(sample.image, result.label_map, sample.label_map)]
        )
    pictures = [join_row(row) for row in rows[:-1]] + [join_row_with_captions(rows[-1], CAPTIONS)]
    pictures.append(legend(data.classes, pictures[0].shape[1]))
    Image.fromarray(np.asarray(join_column(pictures))).save(DOCS / "demo.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
