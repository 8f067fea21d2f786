import pytest
import structlog


async def test_every_problem_has_the_members_of_rfc_9457_and_a_code(shared):
    answer = await shared.send("GET", "/services/nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:tidegate:error:unknown_service",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no service 'nobody'",
        "code": "unknown_service",
        "remedy": "known are bot",
    }


WRONG = [
    ("GET", "/nothing", {}, 404, "unknown_path"),
    ("GET", "//api/nothing", {}, 404, "unknown_path"),
    ("PATCH", "/services/bot", {}, 405, "method_not_allowed"),
    ("POST", "/releases", {"content": b"{", "headers": {"content-type": "application/json"}}, 422, "bad_json"),
    ("POST", "/releases", {"json": {"service": "bot", "version": "v1.0.0", "sepc": {}}}, 422, "unknown_key"),
    ("POST", "/releases", {"json": {"service": "bot"}}, 422, "invalid_input"),
    ("GET", "/services?limit=0", {}, 422, "invalid_input"),
    ("GET", "/versions/bot", {}, 422, "bad_reference"),
    ("PUT", "/services/bot", {"json": {"fallback": []}}, 422, "unknown_key"),
    ("PUT", "/services/Bad%20Name", {"json": {}}, 422, "bad_service_name"),
    ("POST", "/releases/rel_x/promote", {"headers": {"if-match": '"x"'}, "json": {}}, 422, "bad_etag"),
    ("GET", "/requests/req_x", {}, 404, "unknown_request"),
    ("GET", "/audit?cursor=x", {}, 422, "invalid_input"),
]


async def test_whatever_is_wrong_is_a_problem_with_a_code(shared):
    for method, path, more, status, code in WRONG:
        answer = await shared.send(method, path, **more)
        assert answer.headers["content-type"] == "application/problem+json", (method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
        assert answer.json()["detail"]


async def test_the_field_that_is_wrong_is_named_with_the_nearest_known_one(shared):
    problem = (await shared.send("PUT", "/services/bot", json={"timeouts": {"conect": "2s"}})).json()
    assert problem["where"] == "services.bot: timeouts.conect"
    assert problem["remedy"] == "did you mean 'connect'?"


async def test_several_mistakes_are_all_told(shared):
    problem = (await shared.send("POST", "/releases", json={"reason": 1})).json()
    assert {each["where"] for each in problem["errors"]} == {"service", "version", "reason"}


async def test_a_bug_of_ours_tells_nothing_but_that(shared, monkeypatch):
    async def broken():
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(shared.control.queries, "statuses", broken)
    with structlog.testing.capture_logs():  # a drawn traceback with every local takes long
        answer = await shared.send("GET", "/services")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_above_the_bound_is_refused(shared, is_chunked, monkeypatch):
    monkeypatch.setattr("tidegate.api.guard.MAX_BODY_BYTES", 1000)
    body = b'{"documents": [' + b" " * 2000 + b"]}"

    async def pieces():
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    content = pieces() if is_chunked else body
    answer = await shared.send("POST", "/apply", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
