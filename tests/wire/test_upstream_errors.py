"""Errors of upstreams, read and made fit for clients."""

from __future__ import annotations

import json

import pytest

from tidegate.wire.upstream_errors import read_error, redact, status_of_error_in_answer


def read(status, told, dialect="openai"):
    return read_error(dialect, status, json.dumps(told).encode())


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"error": {"code": 429, "message": "later"}}, 429),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "later"}}, 529),
        ({"error": {"message": "why ever"}}, 502),
        ({"error": {}}, None),
        ({"error": None, "choices": []}, None),
        ({"choices": []}, None),
        ([], None),
    ],
)
def test_an_error_told_with_status_200_stands_for_a_status(told, status):
    assert status_of_error_in_answer(json.dumps(told).encode()) == status
    assert status_of_error_in_answer(b"<html>") is None


def test_a_wellformed_error_passes_with_its_unknown_fields():
    told = {
        "error": {"message": "bad", "type": "invalid_request_error", "param": "messages", "code": "x", "extra": [1]}
    }
    fault = read(400, told)
    assert json.loads(fault.body) == told
    assert (fault.status, fault.code, fault.message) == (400, "x", "bad")


@pytest.mark.parametrize(
    ("status", "error", "flag"),
    [
        (400, {"code": "content_filter"}, "is_content_filter"),
        (400, {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}, "is_content_filter"),
        (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, "is_quota"),
        (400, {"type": "billing_error"}, "is_quota"),
        (402, {}, "is_quota"),
        (400, {"code": "context_length_exceeded"}, "is_context_length"),
        (400, {"code": 400, "type": "exceed_context_size_error", "n_ctx": 2048}, "is_context_length"),
        (429, {"code": "rate_limit_exceeded"}, None),
        (400, {"code": "x", "message": "context_length_exceeded insufficient_quota content_filter"}, None),
    ],
)
def test_only_structured_codes_classify(status, error, flag):
    fault = read(status, {"error": {"message": "m", **error}})
    raised = [name for name in ("is_content_filter", "is_quota", "is_context_length") if getattr(fault, name)]
    assert raised == ([flag] if flag else [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><b>502 Bad Gateway</b></html>",
        b"[]",
        b'{"detail":"x"}',
        b'{"error":7}',
        b"\xff",
        b'{"error":{"message":5}}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_anything_unreadable_becomes_a_proper_error(body, dialect):
    fault = read_error(dialect, 502, body)
    error = json.loads(fault.body)["error"]
    assert error["type"] == ("server_error" if dialect == "openai" else "api_error")
    assert "502" in error["message"]
    assert b"html" not in fault.body


def test_an_error_that_is_only_text_keeps_its_text():
    assert json.loads(read(500, {"error": "out of memory"}).body)["error"]["message"] == "out of memory"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_what_is_said_of_our_credential_stays_here(status, dialect):
    fault = read(
        status,
        {"error": {"message": "Incorrect API key provided: sk-ab***********wxyz", "code": "invalid_api_key"}},
        dialect,
    )
    assert b"sk-" not in fault.body
    assert b"Incorrect" not in fault.body
    assert fault.code == "upstream_credential_refused"
    assert fault.status == status


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-Ab1_cd2-ef3456",
        "sk-ant-api03-xyzxyzxyz",
        "Bearer abcdef123456789",
        "AIzaSyA1234567890abcdefghijklmn",
        "gsk_".replace("_", "-") + "a" * 20,
    ],
)
def test_whatever_looks_like_a_key_is_cut_out_everywhere(secret):
    fault = read(400, {"error": {"message": f"wrong key {secret} given", "param": secret, "code": "x"}})
    assert secret.encode() not in fault.body
    assert secret not in fault.message
    assert json.loads(fault.body)["error"]["message"].startswith("wrong key [redacted]")


def test_ordinary_words_are_left_alone():
    text = "The task-oriented bearer of a risk-averse key-value pair"
    assert redact(text) == text
