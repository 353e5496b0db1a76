"""Who may talk to the studio."""

import pytest
from starlette.testclient import TestClient

from pixelwise.core.errors import OptionError
from pixelwise.studio.app import build_app
from pixelwise.studio.security import POLICY, Access
from pixelwise.studio.server import _listen


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST", "localhost:9000"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.get("/api/project", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8765",
        "evil@127.0.0.1.x",
        "10.0.0.1",
        "",
        "[::1",
    ],
)
def test_other_names_are_refused(client, host):
    answer = client.get("/api/project", headers={"Host": host})
    assert answer.status_code == 403
    assert "images" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_requests_of_other_sites_are_refused(client, studio, headers):
    action = {"client": "c", "image": 0, "type": "clear"}
    assert client.post("/api/actions", json=action, headers=headers).status_code == 403
    assert client.get("/api/project", headers=headers).status_code == 403
    assert studio.project.number == 0


def test_own_page_is_answered(client):
    headers = {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}
    action = {"client": "c", "image": 0, "type": "clear"}
    assert client.post("/api/actions", json=action, headers=headers).status_code == 200


def test_forms_and_other_methods_are_refused(client, studio):
    body = b'{"client": "c", "image": 0, "type": "clear"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post("/api/actions", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415
    assert client.put("/api/actions", json={}).status_code == 405
    assert client.delete("/api/project").status_code == 405
    assert studio.project.number == 0


def test_bodies_are_bounded(client):
    big = {"client": "c", "image": 0, "type": "x" * 5_000_000}
    assert client.post("/api/actions", json=big).status_code == 413


def test_page_is_bound_to_this_server(client):
    headers = client.get("/api/project").headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert client.get("/nothing").headers["content-security-policy"] == POLICY


def test_other_machines_need_the_token(studio):
    access = Access("0.0.0.0", 8765)
    client = TestClient(build_app(studio, access), base_url="http://192.168.0.7:8765", follow_redirects=False)
    assert client.get("/api/project").status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    assert client.get(f"/api/project?token={access.token}").status_code == 401
    answer = client.get(f"/?token={access.token}&x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/project").status_code == 200
    client.cookies.clear()
    assert client.get("/api/project", headers={"Authorization": f"Bearer {access.token}"}).status_code == 200
    assert client.get("/api/project", headers={"Host": "evil.example"}).status_code == 403


def test_tokens_differ_and_this_machine_has_none():
    assert Access("0.0.0.0").token != Access("0.0.0.0").token
    assert len(Access("192.168.0.7").token) >= 32
    assert not Access("127.0.0.1").token
    assert not Access("::1").token


def test_addresses_are_bounded(client):
    for path in ("/static/" + "a" * 5000, f"/api/images/{'9' * 4999}/thumbnail.jpg", "/static/%00", "/api/files/%00"):
        assert client.get(path).status_code == 404


def test_body_longer_than_announced_is_refused(client, studio):
    def parts():
        for _ in range(5):
            yield b" " * 2**20

    answer = client.post("/api/actions", content=parts(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, "too long" in answer.json()["error"]["found"]) == (400, True)
    length = {"Content-Type": "application/json", "Content-Length": "9" * 5000}
    assert client.post("/api/actions", content=b"{}", headers=length).status_code == 413


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_what_is_no_address_is_told(host):
    with pytest.raises(OptionError, match="nothing can listen"):
        _listen(host, None)
