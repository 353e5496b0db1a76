"""Who may use the studio: pages of this machine, and others with a token.

Every request names a host. Names that another site has given this machine (DNS rebinding) are refused. The origin that
a browser states must be a page of this server.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import socket
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_BODY = 2**22
"""The largest body of a request, in bytes."""
MOST_PATH = 1000
"""The longest path of a request, in characters, without its query."""
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Access:
    """The host names that a server answers to, and the token that it requires.

    Parameters
    ----------
    host
        The address that the server listens on. If other machines can reach it, clients need the token.
    port
        Its port, for the name of the cookie.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.is_local = is_local(host)
        self.token = "" if self.is_local else secrets.token_urlsafe(24)
        self.names = LOCAL_NAMES | ({host.lower(), socket.gethostname().lower()} if not self.is_local else set())
        self.cookie = f"pixelwise-studio-{port}"

    def is_known_host(self, host: str) -> bool:
        """Return whether a request may name this host: a name of this machine, or its address where others may
        connect."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self.names or (not self.is_local and _is_address(name))

    def is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())


def is_local(host: str) -> bool:
    """Return whether an address can only be reached from this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware that refuses what `Access` does not allow, and sends security headers for the page."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        response = self._refuse(scope, headers)

        async def send_bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    sent.setdefault(name, value)
            await send(message)

        if response is not None:
            await response(scope, receive, send_bound)
        else:
            await self.app(scope, _limited(receive), send_bound)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the refusal of a request, or `None` for one that is allowed."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.access.is_known_host(hosts[0]):
            return refusal(403, "a host name that this server does not have", "the address that it printed")
        if not _is_own_origin(scope, headers, hosts[0]):
            return refusal(403, "a request of another site", "one of this server's page")
        if len(scope["path"]) > MOST_PATH or "\0" in scope["path"]:
            return refusal(404, "an address that no file or image has", "an address of the studio")
        if scope["method"] not in ("GET", "HEAD"):
            if scope["method"] != "POST":
                return refusal(405, scope["method"][:20], "GET or POST")
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return refusal(415, kind[:80] or "no content type", "application/json")
            length = headers.get("content-length", "0")
            if not length.isdecimal() or len(length) > 12 or int(length) > MOST_BODY:
                return refusal(413, f"{length[:20]} bytes", f"at most {MOST_BODY}")
        return None if self.access.is_local else self._ask_for_token(scope, headers)

    def _ask_for_token(self, scope: Scope, headers: Headers) -> Response | None:
        cookie = cookie_parser(headers.get("cookie", "")).get(self.access.cookie, "")
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self.access.is_token(cookie) or self.access.is_token(bearer):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and any(name == "token" and self.access.is_token(text) for name, text in query):
            rest = urlencode([(name, text) for name, text in query if name != "token"])
            response = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            response.set_cookie(self.access.cookie, self.access.token, httponly=True, samesite="strict", path="/")
            return response
        return refusal(401, "no token", "the address that the studio printed, with its token")


def _is_own_origin(scope: Scope, headers: Headers, host: str) -> bool:
    """Return whether a request comes from this server's page, from the address bar, or from a program, judged by the
    headers that browsers send."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return False
    site = headers.get("sec-fetch-site", "none")
    is_visit = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
    return site in ("same-origin", "none") or is_visit


def _limited(receive: Receive) -> Receive:
    """Return a `receive` that ends a body that is too long, whatever length its header states."""
    total = 0

    async def receive_some() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MOST_BODY:
            return {"type": "http.disconnect"}
        return message

    return receive_some


def refusal(status: int, found: str, expected: str) -> Response:
    """Return an answer that says why a request is refused."""
    error = {"where": "request", "found": found, "expected": expected, "remedy": "Open the page again."}
    return Response(json.dumps({"error": error}), status, media_type="application/json")
