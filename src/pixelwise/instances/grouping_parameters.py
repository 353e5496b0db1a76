"""What grouping goes by: channels of a net's logits, and numbers that travel in a model file."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.core.errors import OptionError

CENTRES, BOTH, COMPONENTS = "centres", "both", "components"
WAYS = (CENTRES, BOTH, COMPONENTS)
"""What parts the foreground into objects: the centres; the centres, and where a connected component has none it is an
object of its own; or the connected components of each class alone, whatever heat and offsets say."""
CHANNELS = 3
"""Of a net's logits beside those of classes: the heat of centres, and the offset to the centre in rows and columns."""


@dataclass(frozen=True)
class GroupingParameters:
    """Numbers of the grouping, in pixels where they have a unit.

    things: the classes whose pixels make objects. radius: up to which a centre is the highest. least_heat: of a centre.
    least_area: of an object, smaller ones are dropped. by: one of `WAYS`. Raises `OptionError` for no things, twice the
    same or one below 0, a radius or area below 1, a heat that is no number, or another way.
    """

    things: tuple[int, ...]
    radius: int = 5
    least_heat: float = 0.3
    least_area: int = 4
    by: str = CENTRES

    def __post_init__(self) -> None:
        if not self.things or min(self.things) < 0 or len(set(self.things)) < len(self.things):
            raise OptionError("things", str(self.things), "different class indices, at least one", "Correct them.")
        if self.radius < 1 or self.least_area < 1 or self.least_heat != self.least_heat:
            found = f"radius {self.radius}, least heat {self.least_heat}, least area {self.least_area}"
            raise OptionError("grouping", found, "a radius and an area of 1 or more, and a heat", "Correct them.")
        if self.by not in WAYS:
            raise OptionError("grouping", f"objects by {self.by!r}", f"one of {', '.join(WAYS)}", "Correct it.")

    def __str__(self) -> str:
        if self.by == COMPONENTS:
            return f"connected components of {self.least_area} pixels or more"
        others = ", components without one are objects too" if self.by == BOTH else ""
        return (
            f"centres {self.radius} pixels apart, heat {self.least_heat:g} or more, {self.least_area} pixels or more"
            f"{others}"
        )
