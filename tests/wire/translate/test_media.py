"""Images and documents between the dialects."""

import pytest

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.translate.media import document_block, document_parts, image_block, image_part, split_data_url


def _image(url):
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def _file(**file):
    return {"type": "file", "file": file}


@pytest.mark.parametrize("url", ["https://x.test/a.png", "http://x.test/a.png", "data:image/webp;base64,AAAA"])
def test_an_image_survives_both_ways(url):
    assert image_part(image_block(_image(url), "at"), "at") == {"type": "image_url", "image_url": {"url": url}}


def test_a_data_url_is_taken_apart():
    assert split_data_url("data:image/JPG;charset=x;base64,AA,A", "at") == ("image/jpeg", "AA,A")


@pytest.mark.parametrize(
    "url", ["data:image/png,AAAA", "data:;base64,AAAA", "data:image/png;base64", "ftp://x.test", "", "DATA"]
)
def test_other_urls_are_refused(url):
    with pytest.raises(MalformedBodyError, match="only http"):
        image_block(_image(url), "at")


@pytest.mark.parametrize("part", [{"type": "image_url"}, {"type": "image_url", "image_url": {"url": 3}}])
def test_an_image_without_a_url_is_refused(part):
    with pytest.raises(MalformedBodyError) as raised:
        image_block(part, "at")
    assert raised.value.where == "at.image_url.url"


@pytest.mark.parametrize(
    "source", [{"type": "file", "file_id": "f"}, {"type": "base64", "data": "A"}, {"type": "url"}, {}, None]
)
def test_an_image_of_another_source_is_refused(source):
    with pytest.raises(MalformedBodyError) as raised:
        image_part({"type": "image", "source": source}, "at")
    assert raised.value.where == "at.source"


@pytest.mark.parametrize("data", ["data:application/pdf;base64,JVBERg==", "JVBERg=="])
def test_a_pdf_survives_both_ways_with_its_name(data):
    block = document_block(_file(filename="a.pdf", file_data=data), "at")
    assert block["source"] == {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    assert document_parts(block, "at") == [_file(filename="a.pdf", file_data="data:application/pdf;base64,JVBERg==")]


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown"])
def test_a_text_file_becomes_a_text_source(media_type):
    block = document_block(_file(file_data=f"data:{media_type};base64,R3LDvMOfZQ=="), "at")
    assert block == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}}
    assert document_parts(block, "at") == [{"type": "text", "text": "Grüße"}]


@pytest.mark.parametrize(
    "file",
    [
        {"file_id": "f"},
        {"file_data": "data:text/plain;base64,/w=="},
        {"file_data": "data:text/plain;base64,?"},
        {"file_data": "data:application/zip;base64,AA"},
    ],
)
def test_a_file_the_upstream_cannot_read_is_refused(file):
    with pytest.raises(MalformedBodyError):
        document_block(_file(**file), "at")


def test_a_document_of_blocks_becomes_its_parts():
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    content = [{"type": "text", "text": "one"}, image]
    assert [
        part["type"]
        for part in document_parts({"type": "document", "source": {"type": "content", "content": content}}, "at")
    ] == ["text", "image_url"]
    text = {"type": "document", "title": "T", "context": "C", "source": {"type": "content", "content": "one"}}
    assert document_parts(text, "at") == [{"type": "text", "text": "T\n\nC\n\none"}]
