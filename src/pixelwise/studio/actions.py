"""`POST /api/actions`: an answer means that the action is on the disk."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pixelwise.core.errors import OptionError
from pixelwise.labels.action_checks import CLASS_TYPES
from pixelwise.studio.requests import client_of, read_json
from pixelwise.studio.state import Studio


async def actions(request: Request) -> Response:
    """Do an action; see docs/guides/studio.md for the types."""
    content = await read_json(request)
    answer = await run_in_threadpool(perform, request.app.state.studio, content)
    return JSONResponse(answer)


def perform(studio: Studio, content: dict[str, Any]) -> dict[str, Any]:
    """Do an action, and return its number, the box that changed and the entry of its image."""
    project, client = studio.project, client_of(content)
    number, image = content.get("image"), None
    if number is not None:
        if type(number) is not int or not 0 <= number < len(project.images):
            raise OptionError("image", repr(number)[:80], "the number of an image", "Send another.")
        image = project.images[number].name
    action = {name: value for name, value in content.items() if name not in ("client", "image")}
    before = project.number
    resolve = None if number is None else studio.correct(number).resolve
    outcome = project.perform(action, image, client=client, resolve=resolve)
    if outcome.number > before:
        studio.after_action(action["type"], image, outcome, client)
    answer: dict[str, Any] = {"number": outcome.number, "changed_box_tlbr": outcome.changed_box_tlbr}
    if outcome.nothing:
        answer["nothing"] = True
    if number is not None:
        answer["image"] = studio.describe_image(number)
    if action["type"] in CLASS_TYPES:
        answer["classes"] = studio.describe_classes()
    return answer
