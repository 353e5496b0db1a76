"""Pictures of label maps and objects for reports and pages.

Pictures are uint8 (height, width, 3) RGB. Every function returns a new picture and leaves its arguments unchanged.
"""

from pixelwise.render.drawing import UInt8
from pixelwise.render.label_maps import colorize, error_map, is_tinted, overlay, to_rgb
from pixelwise.render.objects import OBJECT_COLORS, OBJECT_FATES, object_errors, object_overlay
from pixelwise.render.rows import join_column, join_row, join_row_with_captions, legend

__all__ = [
    "OBJECT_COLORS",
    "OBJECT_FATES",
    "UInt8",
    "colorize",
    "error_map",
    "is_tinted",
    "join_column",
    "join_row",
    "join_row_with_captions",
    "legend",
    "object_errors",
    "object_overlay",
    "overlay",
    "to_rgb",
]
