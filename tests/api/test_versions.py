import hashlib
import io
import socket
from urllib.parse import urlsplit

import pytest

from tidegate.client.exchange import content_of
from tidegate.client.pushing import MissingArtifactsError, push
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError


@pytest.fixture
def bundle(tmp_path):
    """A directory bundle with a file of its own."""
    root = tmp_path / "bundle"
    (root / "tokenizer").mkdir(parents=True)
    (root / "bundle.yaml").write_text("model: sim/gpt\nlineage: {git_commit: abc123}\n")
    (root / "card.md").write_text("# Careful bot\n")
    (root / "tokenizer" / "vocab.bin").write_bytes(bytes(range(256)) * 5000)
    return root


def description(source, **wanted):
    """The call that describes a bundle, as the client makes it."""
    given = {"service": "bot", "version": None, "bump": None, "lineage": None, "dry_run": False, **wanted}
    return next(push(source, **given))


async def test_a_pushed_directory_comes_back_byte_for_byte(client, bundle):
    pushed = await client.push(bundle, service="bot")
    assert (pushed.created, pushed.ref.partition("-")[0]) == (True, "bot/v2.0.0")
    found = await client.version(pushed.ref)
    assert {each.path for each in found.manifest} == {"bundle.yaml", "card.md", "tokenizer/vocab.bin"}
    assert (found.lineage, found.digest, found.is_stable) == ({"git_commit": "abc123"}, pushed.digest, False)
    assert await client.card(pushed.ref) == "# Careful bot\n"
    assert (await client.verify(pushed.ref)).is_intact


async def test_pushing_again_changes_nothing_and_sends_no_artifact(client, bundle, monkeypatch):
    first = await client.push(bundle, service="bot", version="v1.5.0")
    monkeypatch.setattr("tidegate.client.pushing._upload", None)
    again = await client.push(bundle, service="bot", version="v1.5.0")
    assert (again.ref, again.created) == (first.ref, False)


async def test_other_content_under_the_same_number_is_refused(client, bundle):
    with pytest.raises(ConflictError) as error:
        await client.push(bundle, service="bot", version="v1.0.0")
    assert error.value.code == "number_taken"


async def test_a_dry_run_says_the_number_and_registers_nothing(client, server, bundle):
    tried = await client.push(bundle, service="bot", bump="minor", dry_run=True)
    assert (tried.ref.partition("-")[0], tried.created, tried.is_dry_run) == ("bot/v1.1.0", True, True)
    assert len((await client.versions("bot")).versions) == 1
    assert [each async for each in server.artifacts.stored() if each.size > 1_000_000] == []


async def test_missing_artifacts_are_named_and_nothing_is_registered_meanwhile(client, server, bundle):
    call = description(bundle)
    answer = await server.send(
        "POST", call.path, content=content_of(call), headers={"content-type": "application/json"}
    )
    digest = hashlib.sha256((bundle / "tokenizer" / "vocab.bin").read_bytes()).hexdigest()
    assert (answer.status_code, answer.json()["code"], answer.json()["missing"]) == (409, "missing_artifacts", [digest])
    assert len((await client.versions("bot")).versions) == 1


def with_lie(body, lie):
    """The description, wrong in one place."""
    manifest = [list(entry) for entry in body["manifest"]]
    made = {**body, "manifest": manifest}
    head = next(entry for entry in manifest if entry[0] == "bundle.yaml")
    vocab = next(entry for entry in manifest if entry[0] == "tokenizer/vocab.bin")
    match lie:
        case "digest":
            made["digest"] = "0" * 64
        case "size":
            head[3] += 1
        case "sha256":
            head[2] = "0" * 64
        case "extra":
            manifest.append(["model/more.bin", "644", vocab[2], vocab[3]])
        case "outside":
            vocab[0] = "../vocab.bin"
        case "mode":
            vocab[1] = "4755"
        case "bundle":
            made["bundle"] = {**body["bundle"], "model": "sim/other"}
        case "unknown key":
            made["bundle"] = {**body["bundle"], "temperature": 1}
        case "twice":
            manifest.append(vocab)
    return made


async def test_the_server_believes_no_description_that_does_not_add_up(client, server, bundle):
    await client.push(bundle, service="bot")
    body = description(bundle, version="v9.0.0").body
    for lie in ("digest", "size", "sha256", "extra", "outside", "mode", "bundle", "unknown key", "twice"):
        answer = await server.send("POST", "/services/bot/versions", json=with_lie(body, lie))
        assert answer.status_code == 422, lie
    assert len((await client.versions("bot")).versions) == 2


async def test_bytes_that_are_not_what_the_path_says_are_not_stored(shared):
    answer = await shared.send("PUT", f"/artifacts/{'0' * 64}", content=b"hello")
    assert (answer.status_code, answer.json()["code"]) == (422, "other_bytes")
    assert await shared.artifacts.size_of("0" * 64) is None


async def test_an_artifact_is_stored_once(shared):
    digest = hashlib.sha256(b"hello").hexdigest()
    first = await shared.send("PUT", f"/artifacts/{digest}", content=b"hello")
    assert first.json() == {"sha256": digest, "size": 5, "created": True}
    assert (await shared.send("PUT", f"/artifacts/{digest}", content=b"hello")).json()["created"] is False


async def test_an_upload_that_breaks_off_leaves_nothing(shared):
    import asyncio

    digest = hashlib.sha256(b"hello" * 1000).hexdigest()
    port = urlsplit(shared.url).port
    with socket.create_connection(("127.0.0.1", port)) as opened:
        head = f"PUT /api/v1/artifacts/{digest} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\r\n"
        await asyncio.to_thread(opened.sendall, head.encode() + b"hello" * 500)
        for _ in range(400):
            if any((shared.folder / "spool").iterdir()):
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the upload never began")
    for _ in range(400):
        if not any((shared.folder / "spool").iterdir()):
            break
        await asyncio.sleep(0.01)
    assert list((shared.folder / "spool").iterdir()) == []
    assert await shared.artifacts.size_of(digest) is None


async def test_an_export_can_be_imported_elsewhere_under_the_same_number(client, bundle, tmp_path):
    pushed = await client.push(bundle, service="bot", version="v3.1.0")
    archive = io.BytesIO()
    assert await client.export(pushed.ref, archive) == len(archive.getvalue())
    (tmp_path / "bot.tar").write_bytes(archive.getvalue())
    taken = await client.import_version(tmp_path / "bot.tar", service="bot-two")
    assert (taken.ref, taken.digest) == (pushed.ref.replace("bot/", "bot-two/"), pushed.digest)


async def test_an_altered_archive_is_refused_and_leaves_nothing(client, server, bundle, tmp_path):
    pushed = await client.push(bundle, service="bot", version="v3.1.0")
    archive = io.BytesIO()
    await client.export(pushed.ref, archive)
    (tmp_path / "bot.tar").write_bytes(archive.getvalue().replace(b"Careful", b"Careles"))
    with pytest.raises(InvalidInputError) as error:
        await client.import_version(tmp_path / "bot.tar", service="bot-two")
    assert error.value.code == "bad_archive"
    assert list((server.folder / "spool").iterdir()) == []
    with pytest.raises(NotFoundError):
        await client.versions("bot-two")


async def test_a_difference_reads_like_a_review(client):
    await client.push({"model": "sim/gpt", "prompt": {"system": "You help gladly."}}, service="bot")
    found = await client.diff("bot@stable", "v1.1.0")
    assert "+You help gladly." in found.lines
    assert (found.bump, found.is_empty) == ("minor", False)
    assert (await client.diff("bot@stable", "bot/v1.0.0")).is_empty


async def test_versions_page_by_cursor(client):
    for number in range(1, 5):
        await client.push({"model": "sim/gpt", "generation": {"seed": number}}, service="bot", version=f"v1.{number}.0")
    first = await client.versions("bot", limit=3)
    second = await client.versions("bot", limit=3, cursor=first.next)
    assert [each.number for each in (*first.versions, *second.versions)] == [
        "v1.4.0",
        "v1.3.0",
        "v1.2.0",
        "v1.1.0",
        "v1.0.0",
    ]
    assert second.next is None


async def test_a_push_repeated_under_its_key_gets_the_first_answer(server, bundle):
    call = description({"model": "sim/gpt", "card": "Hello"})
    more = {"content": content_of(call), "headers": {"content-type": "application/json", "idempotency-key": "k1"}}
    first = await server.send("POST", call.path, **more)
    assert first.json()["created"] is True
    assert (await server.send("POST", call.path, **more)).json() == first.json()
    more["content"] = content_of(description({"model": "sim/gpt", "card": "Other"}))
    assert (await server.send("POST", call.path, **more)).json()["code"] == "idempotency_key_reused"


async def test_the_client_gives_up_when_artifacts_keep_disappearing(bundle):
    flow = push(bundle, service="bot", version=None, bump=None, lineage=None, dry_run=False)
    digest = hashlib.sha256((bundle / "tokenizer" / "vocab.bin").read_bytes()).hexdigest()

    def story():
        call = flow.send(None)
        for _ in range(20):
            if call.method == "PUT":
                call = flow.send(None)
            else:
                error = MissingArtifactsError("gone")
                error.missing = (digest,)
                call = flow.throw(error)

    with pytest.raises(ConflictError) as error:
        story()
    assert "disappear" in error.value.message
