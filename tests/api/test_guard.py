"""What an attacker may try; nothing of it is answered by a failure of ours, and nothing costs much."""

import asyncio
import io
import socket
import tarfile
from itertools import product
from urllib.parse import urlsplit

import pytest

JSON = {"content-type": "application/json"}
STRANGE = ("%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%00", "%ff", "%0d%0ax:1", "..%5c..", "sha256:" + "a" * 64, "bot@x", "*")
READS = [
    *("/versions/{}", "/versions/{}/card", "/versions/{}/export", "/versions/{}/verify", "/diff?a={0}&b={0}"),
    *("/services/{}", "/services/{}/spec", "/services/{}/versions", "/providers/{}", "/freezes/{}"),
    *("/releases/{}", "/releases/{}/explain", "/releases/{}/events", "/incidents/{}", "/requests/{}"),
]


async def test_no_name_in_a_path_leads_anywhere_else(shared):
    for strange in STRANGE:
        for path in READS:
            answer = await shared.send("GET", path.format(strange))
            assert 400 <= answer.status_code < 500, (path, strange)
            assert "root:" not in answer.text
            assert "x" not in answer.headers
        for method, path, more in (
            ("PUT", "/artifacts/{}", {"content": b"x"}),
            ("PUT", "/services/{}", {"json": {}}),
            ("DELETE", "/keys/{}", {}),
            ("DELETE", "/providers/{}", {}),
        ):
            answer = await shared.send(method, path.format(strange), **more)
            assert 400 <= answer.status_code < 500, (method, path, strange)
    assert {each.name for each in shared.folder.parent.iterdir()} & {"passwd", "etc"} == set()


BODIES = {
    "lone surrogate": rb'{"reason": "\ud800"}',
    "zero character": rb'{"reason": "\u0000"}',
    "zero character in a key": rb'{"rea\u0000son": ""}',
    "not a number": b'{"reason": NaN}',
    "beyond numbers": b'{"reason": 1e400}',
    "not UTF-8": b'{"reason": "\xff"}',
    "nested": b'{"reason": ' + b"[" * 900 + b"]" * 900 + b"}",
    "nested objects": b'{"documents": [' + b'{"a": ' * 900 + b"1" + b"}" * 900 + b"]}",
    "nested without end": b"[" * 200_000,
}


async def test_a_body_that_nobody_could_store_is_refused_before_any_route(shared):
    writes = (("PUT", "/freezes/bot"), ("POST", "/apply"), ("PUT", "/services/bot"))
    for (name, body), (method, path) in product(BODIES.items(), writes):
        answer = await shared.send(method, path, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"] in {"bad_json", "invalid_input"}) == (422, True), name
        assert len(answer.content) < 1000


async def test_json_may_be_as_deep_as_documents(shared):
    body = {"user": "ann", "metadata": {"a": 1}}
    for _ in range(90):
        body["metadata"] = {"a": body["metadata"]}
    assert (await shared.send("POST", "/services/bot/explain-route", json=body)).status_code == 200


async def test_no_number_is_too_large_for_an_answer(shared):
    huge = "9" * 5000
    for method, path, more in (
        ("GET", f"/audit?cursor={huge[:300]}", {}),
        ("GET", f"/audit/verify?seq={huge[:40]}&hash=x", {}),
        ("GET", "/releases/rel_x/events", {"headers": {"last-event-id": huge}}),
        ("POST", "/releases/rel_x/promote", {"json": {}, "headers": {"if-match": f'"{huge}"'}}),
        ("POST", "/releases", {"json": {"service": "bot", "version": f"v{huge}.0.0"}}),
        ("POST", "/releases/rel_x/abort", {"json": {}, "headers": {"idempotency-key": huge}}),
    ):
        assert (await shared.send(method, path, **more)).status_code == 422, path


async def test_nobody_without_a_key_has_a_body_read(server):
    secret = await server.key("ci", "operator")
    headers = {"authorization": "Bearer wrong", **JSON}
    for path in ("/apply", "/releases", "/services/bot/versions", "/nothing"):
        answer = await server.send("POST", path, content=BODIES["nested without end"], headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    headers["authorization"] = f"Bearer {secret}"
    assert (await server.send("POST", "/apply", content=b"{", headers=headers)).json()["code"] == "bad_json"


@pytest.mark.parametrize(
    ("path", "bound"), [("/apply", "guard.BODY_SECONDS"), (f"/artifacts/{'a' * 64}", "uploads.IDLE_SECONDS")]
)
async def test_a_body_that_stays_away_is_not_waited_for(shared, monkeypatch, path, bound):
    monkeypatch.setattr(f"tidegate.api.{bound}", 0.1)
    method = "POST" if path == "/apply" else "PUT"
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(shared.url).port)
    head = f"{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\r\n"
    writer.write(head.encode() + b"{")
    answer = await asyncio.wait_for(reader.read(), 120)  # to the end: the connection is closed
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in answer
    assert list((shared.folder / "spool").iterdir()) == []


async def test_a_sender_who_leaves_in_the_middle_leaves_nothing_behind(shared):
    with socket.create_connection(("127.0.0.1", urlsplit(shared.url).port)) as opened:
        opened.sendall(b"PUT /api/v1/freezes/bot HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{")
        await asyncio.sleep(0.05)
    assert (await shared.send("GET", "/freezes")).json()["items"] == []


async def test_other_sites_pages_may_link_here_and_nothing_else(shared):
    for mode, status in (("navigate", 200), ("no-cors", 403), ("cors", 403)):
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode}
        for path in ("/services", "/audit/verify"):
            assert (await shared.send("GET", path, headers=headers)).status_code == status
    for origin in ("http://[", "http://", "localhost", ""):
        answer = await shared.send("PUT", "/freezes/bot", json={"reason": "x"}, headers={"origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request"), origin


async def test_nothing_that_a_version_holds_is_taken_for_a_page(server, client):
    pushed = await client.push({"model": "sim/gpt", "card": "<script>alert(1)</script>"}, service="bot")
    for path in (f"/versions/{pushed.ref}/card", f"/versions/{pushed.ref}/export", "/services", "/nothing"):
        answer = await server.send("GET", path)
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert "html" not in answer.headers["content-type"]
    export = await server.send("GET", f"/versions/{pushed.ref}/export")
    name = pushed.ref.replace("/", "-")
    assert export.headers["content-disposition"] == f'attachment; filename="{name}.tar"'


def archive(*members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(data), "/etc/passwd"
            made.addfile(member, io.BytesIO(data))
    return packed.getvalue()


ARCHIVES = {
    "empty": b"",
    "noise": b"x" * 5000,
    "a link": archive(("version.json", tarfile.SYMTYPE, b"")),
    "a device": archive(("version.json", tarfile.CHRTYPE, b"")),
    "a path outside": archive(("../version.json", tarfile.REGTYPE, b"{}")),
    "an absolute path": archive(("/etc/version.json", tarfile.REGTYPE, b"{}")),
    "a head without end": archive(("version.json", tarfile.REGTYPE, b"[" * 100_000)),
    "a long extended header": archive(("x", tarfile.XHDTYPE, b"9" * 100_000), ("version.json", tarfile.REGTYPE, b"{}")),
    "a long name": archive(("x", tarfile.GNUTYPE_LONGNAME, b"9" * 100_000), ("version.json", tarfile.REGTYPE, b"{}")),
}


async def test_an_archive_that_is_none_of_ours_is_refused_and_leaves_nothing(shared):
    for name, content in ARCHIVES.items():
        answer = await shared.send("POST", "/versions/import", content=content)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_archive"), name
        assert ("an extended header of 100000 bytes" in answer.json()["detail"]) == ("long" in name)
        assert list((shared.folder / "spool").iterdir()) == []
