"""What a net is trained for. A task is one class in one file, and one registration."""

from __future__ import annotations

from pixelwise.core.registry import Registry
from pixelwise.tasks.base import Task

TASKS: Registry[Task] = Registry(
    "task",
    "pixelwise.tasks",
    {
        "semantic": "pixelwise.tasks.semantic:SEMANTIC",
        "instance": "pixelwise.tasks.instance:INSTANCE",
        "panoptic": "pixelwise.tasks.panoptic:PANOPTIC",
    },
)
"""All tasks by name. Packages add theirs with `register_task`, or by an entry point of the group `pixelwise.tasks`."""
DEFAULT_TASK = "semantic"


def register_task(name: str, task: Task | str) -> None:
    """Make a task available as `task=name` of `train`.

    A model file names its task: the process that predicts with it has to register the task as well, which an entry
    point of the group `pixelwise.tasks` does in every process.

    Parameters
    ----------
    name
        What the task is called.
    task
        An object with the methods of `pixelwise.tasks.base.Task`, or a text `module:attribute` that names one. Most
        tasks derive from `pixelwise.tasks.semantic.SemanticTask` and override what differs.

    Raises
    ------
    OptionError
        The name is taken.

    Examples
    --------
    >>> from pixelwise.tasks.semantic import SemanticTask
    >>> class AccuracyTask(SemanticTask):
    ...     measure, measure_name = "global_accuracy", "accuracy"
    >>> register_task("accuracy", AccuracyTask())
    >>> TASKS["accuracy"].measure
    'global_accuracy'
    """
    TASKS.register(name, task)
