"""`POST /api/actions`: an answer means that the action is saved on disk."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pixelwise.core.errors import OptionError
from pixelwise.core.text import short_repr
from pixelwise.labels.corrections import MOST_SIDE
from pixelwise.studio.requests import AsciiJSONResponse, client_of, read_json
from pixelwise.studio.state import Studio

ADDRESS = ("client", "project", "image", "image_name")
"""Fields that say who does the action, and on which image."""


async def actions(request: Request) -> Response:
    """Do an action; `labels.action_checks` lists the types."""
    content = await read_json(request)
    answer = await run_in_threadpool(perform, request.app.state.studio, content)
    return AsciiJSONResponse(answer)


def perform(studio: Studio, content: dict[str, Any]) -> dict[str, Any]:
    """Do an action, and return its number, the box that changed and the entry of its image."""
    project, client = studio.project, client_of(content)
    number = _image_of(studio, content)
    image = None if number is None else project.images[number].name
    action = {name: value for name, value in content.items() if name not in ADDRESS}
    before = project.number
    is_whole = action.get("type") == "object_accept_all" and action.get("whole")
    if number is not None and is_whole and max(project.images[number].size) <= MOST_SIDE:  # a larger one is refused
        studio.live.predict_all(number)
    resolve = None if number is None else studio.correct(number).resolve
    outcome = project.perform(action, image, client=client, resolve=resolve)
    if outcome.number > before:
        studio.after_action(action["type"], None if outcome.of_classes else image, outcome, client)
    answer: dict[str, Any] = {"number": outcome.number, "changed_box_tlbr": outcome.changed_box_tlbr}
    if outcome.nothing:
        answer["nothing"] = True
    if number is not None:
        answer["image"] = studio.describe_image(number)
    if outcome.of_classes:
        answer["classes"], answer["indices"] = studio.describe_classes(), project.history.class_number
    return answer


def _image_of(studio: Studio, content: dict[str, Any]) -> int | None:
    """Return the number of the image that an action is for, `None` for one on the whole project.

    A page may be older than the server. It therefore sends its project and the name of the image, whose number changes
    when images are added.
    """
    project, number, name = studio.project, content.get("image"), content.get("image_name")
    if content.get("project") not in (None, studio.key):
        remedy = "Load the page again; start the studio of the other project to save what was drawn there."
        raise OptionError("project", "an action of another project", str(project.folder.root), remedy)
    if number is None:
        return None
    if type(number) is not int or not 0 <= number < len(project.images):
        number = -1
    if name is not None and (number < 0 or project.images[number].name != name):
        number = project.number_of(name) if isinstance(name, str) and name in project.names else -1
    if number < 0:
        found = short_repr(content["image"] if name is None else name)
        raise OptionError("image", found, "an image of the project", "Load the page again.")
    return number
