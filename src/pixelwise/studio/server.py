"""Serving the studio over HTTP, until Ctrl-C."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import uvicorn

from pixelwise.core.errors import OptionError
from pixelwise.studio.app import build_app
from pixelwise.studio.security import Access
from pixelwise.studio.state import Studio

DEFAULT_PORT = 8765
TRIED_PORTS = 20
"""Without a chosen port so many are tried from the default on."""
FAREWELL_SECONDS = 3
"""Requests under way get so long when the server ends."""


class _Server(uvicorn.Server):
    """Ends the event streams first, which otherwise keep the server waiting."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self._studio = studio

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._studio.hub.close()
        await super().shutdown(sockets)


def serve(studio: Studio, host: str, port: int | None, on_start: Callable[[str], None]) -> None:
    """Answer requests until Ctrl-C or SIGTERM, which then do what they do elsewhere.

    Parameters
    ----------
    studio
        Closed by the caller.
    host
        The address to listen at.
    port
        Its port; `None` for the first free one from `DEFAULT_PORT` on, 0 for any.
    on_start
        Told the address to open, with the token where there is one.

    Raises
    ------
    OptionError
        The address cannot be listened at.
    """
    listener = _listen(host, port)
    access = Access(host, listener.getsockname()[1])
    config = uvicorn.Config(
        build_app(studio, access),
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    on_start(address_of(host, listener.getsockname()[1], access.token))
    with listener:
        _Server(config, studio).run(sockets=[listener])


def address_of(host: str, port: int, token: str) -> str:
    """Return the address to open in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _listen(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(DEFAULT_PORT, DEFAULT_PORT + TRIED_PORTS) if port is None else [port]
    reason = ""
    for number in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it lets two servers have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, number))
            listener.listen()
            listener.set_inheritable(False)
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            continue
        return listener
    where, asked = ("port", str(port)) if port is not None else ("host", host)
    raise OptionError(where, f"{asked}, at which nothing can listen ({reason})", "a free one", "Choose another.")
