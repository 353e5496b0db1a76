"""The table of tasks: what a net can be trained for. Each task is one class in one file, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixelwise.core.registry import Registry, requires_attributes

if TYPE_CHECKING:
    from pixelwise.tasks.base import Task

TASKS: Registry[Task] = Registry(
    "task",
    "pixelwise.tasks",
    {
        "semantic": "pixelwise.tasks.semantic:SEMANTIC",
        "instance": "pixelwise.tasks.instance:INSTANCE",
        "panoptic": "pixelwise.tasks.panoptic:PANOPTIC",
    },
    requires_attributes("a task, an object", "measure", "channels", "has_objects", "labels", "scorer", "tables"),
)
"""All tasks by name. `pixelwise.register_task` and the entry points `pixelwise.tasks` add to them."""
DEFAULT_TASK = "semantic"
