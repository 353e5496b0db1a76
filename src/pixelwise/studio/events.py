"""Server-Sent Events: all clients are told what each client and the model do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

HEARTBEAT_SECONDS = 15.0
END = ""
"""The item that ends a stream."""
MOST_WAITING = 1000
"""The most events that may wait for a client. A slower client is disconnected; it then connects again."""
MOST_REPLAYED = 10_000


class _Listener:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)

    def put(self, text: str) -> None:
        """Called in the listener's loop."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            text = END
        self.queue.put_nowait(text)


class EventHub:
    """Passes events from any thread to the connected clients."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._closed = False

    def publish(self, name: str, data: dict[str, Any], number: int | None = None) -> None:
        """Send an event to all clients. number: the number of its action."""
        self._send(format_event(name, data, number))

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            self._closed = True
        self._send(END)

    def _send(self, text: str) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            with contextlib.suppress(RuntimeError):  # the event loop of the client has ended
                listener.loop.call_soon_threadsafe(listener.put, text)

    async def listen(self, replay: Callable[[], list[str]]) -> AsyncIterator[str]:
        """Yield the events that `replay` returns, then new ones. A comment now and then keeps the connection alive.
        Events that arrive during the replay are not lost, but may be sent twice."""
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            closed = self._closed
            self._listeners.add(listener)
        try:
            yield ": connected\n\n"
            for text in await run_in_threadpool(replay):
                yield text
            while not closed:
                try:
                    text = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_SECONDS)
                except asyncio.TimeoutError:
                    yield ": alive\n\n"
                    continue
                if text == END:
                    return
                yield text
        finally:
            with self._lock:
                self._listeners.discard(listener)


def format_event(name: str, data: dict[str, Any], number: int | None = None) -> str:
    """Return an event in the format of the stream. JSON has no line breaks."""
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n"


async def events(request: Request) -> StreamingResponse:
    """`GET /api/events?after=N`: a stream that ends with the client or the server; it begins after action N or, for a
    client that connects again, after the last action that it received."""
    studio = request.app.state.studio
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    after = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else studio.project.number
    stream = studio.hub.listen(lambda: studio.replay(after, MOST_REPLAYED))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
