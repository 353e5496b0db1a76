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
"""How many ports are tried, from the default on, if none was chosen."""
FAREWELL_SECONDS = 3
"""Seconds that running requests get when the server ends."""


class _Server(uvicorn.Server):
    """Ends the event streams first, which would otherwise keep the server from ending."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self._studio = studio

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._studio.hub.close()
        await super().shutdown(sockets)


def serve(studio: Studio, host: str, port: int | None, on_start: Callable[[str], None]) -> None:
    """Answer requests until Ctrl-C or SIGTERM. Afterwards these signals have their usual effect.

    Parameters
    ----------
    studio
        The studio. The caller closes it.
    host
        The address to listen on.
    port
        Its port; `None` for the first free one from `DEFAULT_PORT` on, 0 for any.
    on_start
        Called with the address to open, which contains the token where there is one.

    Raises
    ------
    OptionError
        The server cannot listen on the address.
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
            if os.name == "posix":  # on Windows it would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, number))
            listener.listen()
            listener.set_inheritable(False)
        except (OSError, UnicodeError) as error:  # the latter of what can be no host name, such as a..b
            listener.close()
            reason = "no host name" if isinstance(error, UnicodeError) else error.strerror or str(error)
            continue
        return listener
    where, asked = ("port", str(port)) if port is not None else ("host", host)
    raise OptionError(where, f"{asked}, at which nothing can listen ({reason})", "a free one", "Choose another.")
