"""What a person means by RELEASE: the id of one, or a service for its running, else its latest one."""

from __future__ import annotations

from tidegate.client import Client
from tidegate.errors import NotFoundError
from tidegate.shapes.releases import Release

_PREFIX = "rel_"


def find_release(client: Client, text: str) -> Release:
    """Find it.

    Raises:
        NotFoundError: no such release or service, or the service never had a release.
    """
    if text.startswith(_PREFIX):
        return client.release_by_id(text)
    release = client.status(text).release
    if release is None:
        raise NotFoundError(
            f"service {text!r} never had a release",
            code="no_release",
            remedy=f"start one with `tidegate release {text} VERSION`",
        )
    return release
