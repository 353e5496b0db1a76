"""The writers by name."""

from __future__ import annotations

from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry, Requirement
from pixelwise.inference.writers.base import Writer

MASK, LABELME, UNCERTAINTY = "mask", "labelme", "uncertainty"
GEOJSON, GEOPACKAGE = "geojson", "gpkg"
POLYGON_KINDS = (GEOJSON, GEOPACKAGE)
"""The writers of polygons."""
_HERE = "pixelwise.inference.writers"
WRITERS: Registry[Writer] = Registry(
    "writer",
    "pixelwise.writers",
    {
        MASK: f"{_HERE}.mask:WRITER",
        "overlay": f"{_HERE}.overlay:WRITER",
        "instances": f"{_HERE}.instances:WRITER",
        "instances32": f"{_HERE}.instances:WRITER32",
        "objects": f"{_HERE}.table:WRITER",
        GEOJSON: f"{_HERE}.geojson:WRITER",
        GEOPACKAGE: f"{_HERE}.geopackage:WRITER",
        LABELME: f"{_HERE}.labelme:WRITER",
        "coco": f"{_HERE}.coco:WRITER",
        "panoptic": f"{_HERE}.panoptic:WRITER",
        "probabilities": f"{_HERE}.probabilities:WRITER",
        "entropy": f"{_HERE}.entropy:WRITER",
        UNCERTAINTY: f"{_HERE}.uncertainty:WRITER",
    },
    Requirement("a `pixelwise.Writer`", lambda thing: isinstance(thing, Writer)),
)
"""All writers. Packages add theirs with `register_writer`, or by an entry point of the group `pixelwise.writers`."""


def parse_kinds(text: str, *, sampled: bool = False) -> tuple[str, ...]:
    """Return the names of writers in `text`, such as "mask,overlay", and uncertainty if passes are `sampled`. Raises
    `OptionError` for no name, an unknown one, or uncertainty without sampling.
    """
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    if not kinds:
        raise OptionError("as_", "nothing to write", f"some of {', '.join(WRITERS)}", "Name at least one.")
    for kind in kinds:
        if kind not in WRITERS:
            raise OptionError("as_", repr(kind), f"some of {', '.join(WRITERS)}", _suggestion(kind))
    if UNCERTAINTY in kinds and not sampled:
        from pixelwise.inference.writers.uncertainty import no_variance

        raise no_variance()
    return tuple(dict.fromkeys((*kinds, UNCERTAINTY))) if sampled else kinds


def _suggestion(kind: str) -> str:
    import difflib  # takes 20 ms, which only a mistake should cost

    close = difflib.get_close_matches(kind, WRITERS, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Choose from these, separated by commas."
