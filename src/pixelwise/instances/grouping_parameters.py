"""`GroupingParameters`: the numbers of center-offset grouping, which a model file holds."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.core.errors import OptionError

CENTRES, BOTH, COMPONENTS, WAISTS = "centres", "both", "components", "waists"
WAYS = (CENTRES, BOTH, COMPONENTS, WAISTS)
"""The ways of separating the foreground into objects. "centres": each pixel joins a centre. "both": as "centres", and a
connected component without a centre is an object of its own. "components": connected components of each class, without
heat and offsets. "waists": `separate_objects` of each class, whose border is where the heat is at most 0.5; without
offsets."""
CHANNELS = 3
"""Channels of the logits after the class scores: the heat of centres, and the offset to the centre in rows and in
columns."""


@dataclass(frozen=True)
class GroupingParameters:
    """The numbers of center-offset grouping.

    Attributes
    ----------
    things
        The classes whose pixels make objects.
    radius
        A centre has the highest heat within this many rows and columns.
    least_heat
        A centre has more than this heat.
    least_area
        Objects of fewer pixels are dropped.
    by
        How objects are separated, one of `WAYS`.

    Raises
    ------
    OptionError
        For no things, repeated or negative ones, a radius or an area below 1, a heat that is not a number, or an
        unknown way.
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
        if self.by == WAISTS:
            return f"areas, parted at borders and narrow waists, of {self.least_area} pixels or more"
        others = ", components without one are objects too" if self.by == BOTH else ""
        return (
            f"centres {self.radius} pixels apart, heat {self.least_heat:g} or more, {self.least_area} pixels or more"
            f"{others}"
        )
