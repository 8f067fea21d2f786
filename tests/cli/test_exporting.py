"""What is exported and imported as files, over a real control."""

import asyncio
import csv
import json
import sys
from itertools import count
from pathlib import Path

import pytest
import structlog
from tests.api.test_feedback import ids_of
from tests.fakes.control_server import CONFIGURATION, serving
from tests.fakes.observations import batch, observation
from typer.testing import CliRunner

from tidegate.cli import exporting
from tidegate.cli.app import make_app

_NUMBERS = count(1)


@pytest.fixture(autouse=True)
def _logs_elsewhere():
    """Control runs in this process: what it logs is no word of the command beside it."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.__stderr__))


@pytest.fixture
async def server(tmp_path):
    (tmp_path / "control").mkdir()
    async with serving(tmp_path / "control") as made, made.client() as client:
        await client.apply([CONFIGURATION])
        yield made


async def tidegate(server, *arguments) -> str:
    """Run the command line beside the server."""
    asked = ["--url", server.url, *map(str, arguments)]
    result = await asyncio.to_thread(CliRunner().invoke, make_app(), asked)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


async def exported(server, folder: Path, *arguments) -> list[dict]:
    file = folder / "exported.jsonl"
    await tidegate(server, "requests", "export", "--format", "jsonl", "-o", file, *arguments)
    return [json.loads(line) for line in file.read_text().splitlines()]


async def observe(server, rows) -> None:
    await server.control.store(batch(rows, sequence=next(_NUMBERS), boot_id="export"))


def some(number: int, **fields):
    plain = {"request_id": f"req_{number}", "started_at_us": 1_789_473_600_000_000 + number}
    return observation(**(plain | fields))


async def test_every_request_is_written_with_every_field_page_by_page(server, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_PAGE", 3)
    rows = [some(number, unit_hash=2**64 - 1 - number, cost_nano_usd=-1) for number in range(8)]
    await observe(server, rows)
    file = tmp_path / "all.csv"
    await tidegate(server, "requests", "export", "-o", file)
    with file.open() as stream:
        found = list(csv.DictReader(stream))
    assert [row["request_id"] for row in found] == [f"req_{number}" for number in reversed(range(8))]
    assert found[0]["unit_hash"] == str(2**64 - 8)
    assert (found[0]["stream"], found[0]["cost_nano_usd"], found[0]["version"]) == (
        "False",
        "-1",
        "bot/v1.0.0-00000000",
    )


async def test_a_parquet_file_keeps_types_and_is_written_in_groups(server, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(exporting, "_ROW_GROUP", 3)
    await observe(server, [some(number, unit_hash=2**64 - 1, stream=True) for number in range(7)])
    file = tmp_path / "all.parquet"
    said = await tidegate(server, "requests", "export", "--format", "parquet", "-o", file, "--json")
    assert json.loads(said) == {"rows": 7, "file": str(file)}
    assert parquet.ParquetFile(file).num_row_groups == 3
    found = parquet.read_table(file).to_pylist()
    assert (found[0]["unit_hash"], found[0]["stream"], found[0]["duration_us"]) == (2**64 - 1, True, 250_000)


async def test_without_pyarrow_a_parquet_file_is_refused_with_the_remedy(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Exception, match="pyarrow") as refused:
        await tidegate(server, "requests", "export", "--format", "parquet", "-o", tmp_path / "x.parquet")
    assert "tidegate[parquet]" in str(refused.value)
    assert not (tmp_path / "x.parquet").exists()


async def test_assignments_feedback_and_filters(server, tmp_path):
    (request_id,) = ids_of(server)
    await observe(server, [some(1, release="rel_1", propensity=500, request_id=request_id), some(2, service="shop")])
    (row,) = await exported(server, tmp_path, "--what", "assignments", "--service", "bot")
    assert (row["variant"], row["propensity"], row["release"], len(row)) == ("stable", 500, "rel_1", 11)
    await tidegate(server, "feedback", "add", "rating", "4.5", "--request", request_id, "--comment", "good, “really”")
    (said,) = await exported(server, tmp_path, "--what", "feedback")
    assert (said["request_id"], said["value"], said["comment"], said["standing"]) == (
        request_id,
        "4.5",
        "good, “really”",
        "counted",
    )
    assert await exported(server, tmp_path, "--since", "2030-01-01") == []


async def test_the_counts_of_a_release_are_numbers_with_their_names(server, tmp_path):
    async with server.client() as client:
        await client.push({"model": "sim/gpt", "prompt": {"system": "You help well."}}, service="bot", version="v1.1.0")
        release = await client.release("bot", "v1.1.0")
    await observe(server, [some(number, release=release.id, unit_hash=number) for number in range(3)])
    rows = await exported(server, tmp_path, "--what", "results", "--release", release.id)
    numbers = {(row["variant"], row["part"], row["name"]): row["value"] for row in rows}
    assert numbers["stable", "early", "requests"] == numbers["stable", "early", "outcomes.ok"] == 3
    assert numbers["stable", "early", "latency.total"] == 750_000
    with pytest.raises(Exception, match="--release"):
        await tidegate(server, "requests", "export", "--what", "results")


async def test_an_explanation_tells_thresholds_who_declared_them_and_every_count(server):
    spec = {"guardrails": [{"metric": "error_rate", "hard": "> 5%"}]}
    async with server.client(actor="ann@desk") as client:
        await client.push({"model": "sim/gpt", "prompt": {"system": "You help well."}}, service="bot", version="v1.1.0")
        release = (await client.release("bot", "v1.1.0", spec=spec)).id
    await observe(server, [some(1, release=release)])
    shown = await tidegate(server, "explain", release)
    assert "declared by ann@desk at" in shown
    assert "error_rate: hard > 5%" in shown
    written = await tidegate(server, "explain", release, "--json")
    told = json.loads(written[written.index("\n{") if not written.startswith("{") else 0 :])
    (arm,) = told["judged_by"]["arms"]
    assert (arm["variant"], arm["early"]["requests"]) == ("stable", 1)
    assert told["judged_by"]["thresholds"][0]["actor"] == "ann@desk"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_verdicts_of_another_system_are_imported(server, tmp_path, form):
    ids = ids_of(server, 3)
    values = [True, 4.0, "refund"]
    file = tmp_path / f"said.{form}"
    if form == "jsonl":
        rows = [{"request_id": each, "name": "said", "value": value} for each, value in zip(ids, values, strict=True)]
        file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    else:
        lines = [f"{each},said,{value}," for each, value in zip(ids, ("yes", "4", "refund"), strict=True)]
        file.write_text("\n".join(["request_id,name,value,comment", *lines]))
    assert "3 verdicts accepted" in await tidegate(server, "feedback", "import", file)
    shown = json.loads(await tidegate(server, "feedback", "--json"))["feedback"]
    assert {said["request_id"]: said["value"] for said in shown} == dict(zip(ids, values, strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{broken", ":1"),
        ('{"name": "x"}\n[1]', ":2"),
        ("value\n1\n", "no column 'name'"),
        ("name,value\na,1,2\n", ":2"),
    ],
)
async def test_a_file_that_is_no_import_is_refused_with_its_line(server, tmp_path: Path, text, said):
    file = tmp_path / "said"
    file.write_text(text)
    with pytest.raises(Exception, match=said):
        await tidegate(server, "feedback", "import", file)


async def test_a_persons_texts_are_erased_from_the_command_line(server):
    assert "0 prompts" in await tidegate(server, "erase", "--service", "bot", "--unit", "jane")
