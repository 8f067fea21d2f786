"""Requests as the bytes that a client sends."""

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


def post(body: bytes, extra: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), extra, body)
