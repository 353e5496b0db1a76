"""Checks whether a server can be reached. Without a network, libraries that download weights would try for a minute."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

CONNECT_SECONDS = 3.0
"""How long a server may take to answer a first connection."""


def find_connection_problem(url: str) -> str | None:
    """Return in words why the server of `url` does not answer; `None` if it does, or if a proxy is used. Only a
    connection is made, nothing is sent.
    """
    if getproxies():
        return None
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), CONNECT_SECONDS).close()
    except OSError as error:
        return f"{parts.hostname}: {error}"
    return None
