"""Whether a server can be reached: libraries that fetch weights try for a minute where no network is."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

CONNECT_SECONDS = 3.0
"""How long a server may take to answer a first connection."""


def find_connection_problem(url: str) -> str | None:
    """Return why the server of `url` does not answer, in words; `None` where it does, or where a proxy stands between.

    Nothing but the connection is made.
    """
    if getproxies():
        return None
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), CONNECT_SECONDS).close()
    except OSError as error:
        return f"{parts.hostname}: {error}"
    return None
