"""The table of data set layouts. Each layout is one file, which recognises, reads and writes it."""

from __future__ import annotations

from pixelwise.core.registry import Registry, Requirement
from pixelwise.data.layout import Layout

LAYOUTS: Registry[Layout] = Registry(
    "format",
    "pixelwise.layouts",
    {
        "camvid": "pixelwise.data.layouts.camvid:LAYOUT",
        "sunrgbd": "pixelwise.data.layouts.sunrgbd:LAYOUT",
        "sunrgbd13": "pixelwise.data.layouts.sunrgbd:LAYOUT_13",
        "isbi": "pixelwise.data.layouts.isbi:LAYOUT",
        "cityscapes": "pixelwise.data.layouts.cityscapes:LAYOUT",
        "dsb": "pixelwise.data.layouts.dsb:LAYOUT",
        "voc": "pixelwise.data.layouts.voc:LAYOUT",
        "nnunet": "pixelwise.data.layouts.nnunet:LAYOUT",
        "ctc": "pixelwise.data.layouts.ctc:LAYOUT",
        "retina": "pixelwise.data.layouts.retina:LAYOUT",
        "pets": "pixelwise.data.layouts.pets:LAYOUT",
        "loveda": "pixelwise.data.layouts.loveda:LAYOUT",
        "panoptic": "pixelwise.data.layouts.panoptic:LAYOUT",
        # A copy in COCO's format, which says less, may lie beside the files of the layouts above.
        "coco": "pixelwise.data.layouts.coco:LAYOUT",
        # A copy in YOLO's format, which says less, may lie beside COCO's files.
        "yolo": "pixelwise.data.layouts.yolo:LAYOUT",
        "cvat": "pixelwise.data.layouts.cvat:LAYOUT",
        "labelme": "pixelwise.data.layouts.labelme:LAYOUT",
        "via": "pixelwise.data.layouts.via:LAYOUT",
        "folders": "pixelwise.data.layouts.folders:LAYOUT",
    },
    Requirement("a `pixelwise.data.layout.Layout`", lambda thing: isinstance(thing, Layout)),
)
"""Every layout by its name, in the order in which `pixelwise.data.recognition` tries them."""

FALLBACK = "folders"
"""The layout of directories that no other layout recognises."""
