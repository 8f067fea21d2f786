"""Addresses of providers, and the heads of requests to them."""

import ssl

import pytest

from tidegate.errors import OperatorError
from tidegate.gateway.http.client import Origin, request_head


@pytest.mark.parametrize("target", [b"", b"x", b"/a b", b"/a\r\nx: y", b"/\xc3\xa9", b"/\0"])
def test_a_target_cannot_inject_a_line(target):
    with pytest.raises(ValueError, match="target"):
        request_head(b"POST", target, Origin.from_url("http://a"), (), 0)


def test_a_head_carries_our_framing_and_host_only():
    origin = Origin.from_url("https://[::1]:8443/v1")
    headers = ((b"host", b"evil"), (b"content-length", b"9"), (b"transfer-encoding", b"chunked"), (b"a", b"b"))
    assert request_head(b"POST", b"/x", origin, headers, 2) == (
        b"POST /x HTTP/1.1\r\nhost: [::1]:8443\r\na: b\r\ncontent-length: 2\r\n\r\n"
    )
    assert request_head(b"GET", b"/", Origin.from_url("http://a"), (), 0) == b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        request_head(b"GET", b"/", origin, ((b"a", b"b\r\nc: d"),), 0)


@pytest.mark.parametrize(
    "url", ["", "a", "ftp://a", "http://", "http://a:99999", "http://user:secret@a", "https://u@a"]
)
def test_an_unusable_address_is_the_operators_error_and_shows_no_password(url):
    with pytest.raises(OperatorError) as caught:
        Origin.from_url(url)
    assert "secret" not in str(caught.value)


def test_a_missing_ca_file_is_the_operators_error():
    with pytest.raises(OperatorError, match="CA file"):
        Origin.from_url("https://a", ca_file="/nowhere/ca.pem")


def test_tls_always_verifies():
    tls = Origin.from_url("https://a").tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
