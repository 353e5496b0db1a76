"""What grouping goes by: channels of a net's logits, and numbers that travel in a model file."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.errors import OptionError

CHANNELS = 3
"""Of a net's logits beside those of classes: the heat of centres, and the offset to the centre in rows and columns."""


@dataclass(frozen=True)
class Grouping:
    """Numbers of the grouping, in pixels where they have a unit.

    things: the classes whose pixels make objects. radius: up to which a centre is the highest. least_heat: of a centre.
    least_area: of an object, smaller ones are dropped. Raises `OptionError` for no things, twice the same or one below
    0, a radius or area below 1, or a heat that is no number.
    """

    things: tuple[int, ...]
    radius: int = 5
    least_heat: float = 0.3
    least_area: int = 4

    def __post_init__(self) -> None:
        if not self.things or min(self.things) < 0 or len(set(self.things)) < len(self.things):
            raise OptionError("things", str(self.things), "different class indices, at least one", "Correct them.")
        if self.radius < 1 or self.least_area < 1 or self.least_heat != self.least_heat:
            found = f"radius {self.radius}, least heat {self.least_heat}, least area {self.least_area}"
            raise OptionError("grouping", found, "a radius and an area of 1 or more, and a heat", "Correct them.")
