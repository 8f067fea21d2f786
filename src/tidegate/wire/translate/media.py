"""Images and documents: OpenAI content parts <-> Anthropic blocks."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from tidegate.wire.errors import MalformedBodyError

_PDF = "application/pdf"


def image_block(part: dict[str, Any], where: str) -> dict[str, Any]:
    """An ``image_url`` part as an ``image`` block; ``detail`` is a hint and is dropped.

    Raises:
        MalformedBodyError: neither a base64 data URL nor an http(s) URL.
    """
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise MalformedBodyError("an image needs `image_url.url`", where=f"{where}.image_url.url")
    if url.startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media_type, data = split_data_url(url, f"{where}.image_url.url")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def image_part(block: dict[str, Any], where: str) -> dict[str, Any]:
    """An ``image`` block as an ``image_url`` part.

    Raises:
        MalformedBodyError: the source is a file stored at the provider, or unknown.
    """
    source = _source(block, where)
    match source.get("type"):
        case "base64":
            url = data_url(source, where)
        case "url" if isinstance(source.get("url"), str):
            url = source["url"]
        case kind:
            raise MalformedBodyError(
                f"an image source of type {kind!r} cannot go to an OpenAI upstream, send base64 or a URL",
                where=f"{where}.source",
            )
    return {"type": "image_url", "image_url": {"url": url}}


def document_block(part: dict[str, Any], where: str) -> dict[str, Any]:
    """A ``file`` part as a ``document`` block: PDF as base64, text as text.

    Raises:
        MalformedBodyError: a file id, or a media type the upstream does not read.
    """
    file = part.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(data, str):
        raise MalformedBodyError(
            "a file must bring `file_data`; ids of stored files stay with their provider", where=f"{where}.file"
        )
    media_type, content = split_data_url(data, f"{where}.file.file_data") if data.startswith("data:") else (_PDF, data)
    block: dict[str, Any] = {
        "type": "document",
        "source": _document_source(media_type, content, f"{where}.file.file_data"),
    }
    if isinstance(file.get("filename"), str):
        block["title"] = file["filename"]
    return block


def document_parts(block: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """A ``document`` block as parts: a PDF as a ``file``, text (with title and context) as text.

    Raises:
        MalformedBodyError: a PDF by URL or a stored file, which OpenAI's chat cannot fetch.
    """
    source = _source(block, where)
    match source.get("type"):
        case "base64":
            filename = block["title"] if isinstance(block.get("title"), str) else "document.pdf"
            return [{"type": "file", "file": {"filename": filename, "file_data": data_url(source, where)}}]
        case "text" if isinstance(source.get("data"), str):
            return [{"type": "text", "text": _captioned(block, source["data"])}]
        case "content":
            return _content_parts(block, source.get("content"), where)
        case kind:
            raise MalformedBodyError(
                f"a document source of type {kind!r} cannot go to an OpenAI upstream, send base64 or text",
                where=f"{where}.source",
            )


def split_data_url(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 data of ``data:<type>;base64,<data>``.

    Raises:
        MalformedBodyError: not a base64 data URL.
    """
    head, comma, data = url.partition(",")
    media_type, *parameters = head.removeprefix("data:").split(";")
    if not head.startswith("data:") or not comma or "base64" not in parameters or not media_type:
        raise MalformedBodyError("only http(s) URLs and base64 data URLs can be sent to the upstream", where=where)
    return media_type.strip().lower().replace("image/jpg", "image/jpeg"), data


def data_url(source: dict[str, Any], where: str) -> str:
    """A base64 source as a data URL.

    Raises:
        MalformedBodyError: media type or data are missing.
    """
    media_type, data = source.get("media_type"), source.get("data")
    if not isinstance(media_type, str) or not isinstance(data, str):
        raise MalformedBodyError("a base64 source needs `media_type` and `data`", where=f"{where}.source")
    return f"data:{media_type};base64,{data}"


def _document_source(media_type: str, data: str, where: str) -> dict[str, Any]:
    """A PDF as it is, text of any kind as plain text."""
    if media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": data}
    if not media_type.startswith("text/"):
        raise MalformedBodyError(
            f"a file of type {media_type} cannot go to an Anthropic upstream, send a PDF or text", where=where
        )
    try:
        return {"type": "text", "media_type": "text/plain", "data": b64decode(data, validate=True).decode()}
    except ValueError:  # of the base64 and of the UTF-8 alike
        raise MalformedBodyError("the file is not base64 of UTF-8 text", where=where) from None


def _content_parts(block: dict[str, Any], content: Any, where: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": _captioned(block, content)}]
    parts: list[dict[str, Any]] = []
    for index, item in enumerate(content if isinstance(content, list) else []):
        if isinstance(item, dict) and item.get("type") == "image":
            parts.append(image_part(item, f"{where}.source.content.{index}"))
        elif isinstance(item, dict) and isinstance(item.get("text"), str):
            parts.append({"type": "text", "text": item["text"]})
    return parts


def _captioned(block: dict[str, Any], text: str) -> str:
    heads = [head for name in ("title", "context") if isinstance(head := block.get(name), str) and head]
    return "\n\n".join([*heads, text])


def _source(block: dict[str, Any], where: str) -> dict[str, Any]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise MalformedBodyError(f"a {block.get('type')} block needs a `source`", where=f"{where}.source")
    return source
