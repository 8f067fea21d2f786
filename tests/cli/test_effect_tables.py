"""What came out of an experiment, as a table for data frames and spreadsheets."""

import csv
import json

import pytest
from tests.cli.test_exporting import tidegate
from tests.dashboard.conftest import experiment
from tests.fakes.control_server import CONFIGURATION, serving


@pytest.fixture
async def server(tmp_path):
    (tmp_path / "control").mkdir()
    async with serving(tmp_path / "control", answers_probes=True) as made, made.client() as client:
        await client.apply([CONFIGURATION])
        yield made


async def test_effects_of_an_experiment_are_a_table_over_the_api_and_as_files(server, tmp_path):
    release = await experiment(server)
    file = tmp_path / "effects.csv"
    assert "4 rows written" in await tidegate(server, "results", release, "-o", file)
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    async with server.client() as client:
        told = (await client.results(release)).effects
        assert await client.results_csv(release) == file.read_bytes().decode()
        divided = await client.results_csv(release, by="segment")
    assert [(row["variant"], row["metric"], row["role"]) for row in rows] == [
        (effect.variant, effect.metric, effect.role) for effect in told
    ]
    assert [float(row["effect"]) for row in rows] == [effect.effect for effect in told]
    assert {(row["release"], row["segment"]) for row in rows} == {(release, "")}
    segments = [row["segment"] for row in csv.DictReader(divided.splitlines())]
    assert segments == ["none", "none", "beta", "beta"]
    parquet = pytest.importorskip("pyarrow.parquet")
    await tidegate(server, "results", release, "--by", "segment", "--format", "parquet", "-o", tmp_path / "e.parquet")
    table = parquet.read_table(tmp_path / "e.parquet").to_pylist()
    assert [(row["segment"], row["variant"]) for row in table] == [
        ("none", "half"), ("none", "odd"), ("beta", "half"), ("beta", "odd")
    ]  # fmt: skip
    async with server.client() as client:
        inside = [effect for each in (await client.results_by_segment(release)).segments for effect in each.effects]
    assert [(row["effect"], row["lower"]) for row in table] == [(effect.effect, effect.lower) for effect in inside]
    lines = (await tidegate(server, "results", release, "--format", "jsonl")).splitlines()
    assert [json.loads(line)["standing"] for line in lines] == [effect.standing for effect in told]
