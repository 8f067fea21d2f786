"""Exported observations are read back as they were."""

from __future__ import annotations

import csv
import json

import msgspec
import pytest
from tests.fakes.observations import observation

from tidegate.cli.exporting import open_sink
from tidegate.cli.observation_files import read_observations
from tidegate.delivery.observation import COLUMNS
from tidegate.errors import InvalidInputError

ROWS = [
    observation(
        request_id="req_1",
        unit_hash=2**64 - 1,
        trail=(("candidate", "timeout", 3), ("stable", "ok", 200)),
        later_attempts_us=(4,),
    ),
    observation(request_id="req_2", stream=True, cost_nano_usd=-1, is_open=True, round=2),
]
KINDS = {"int": int, "bool": bool}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_form_gives_back_what_was_written(tmp_path, form):
    file = tmp_path / f"rows.{form}"
    columns = {
        field.name: KINDS.get(getattr(field.type, "__name__", ""), str) for field in msgspec.structs.fields(ROWS[0])
    }
    with open_sink(file, form, columns) as sink:
        for row in ROWS:
            plain = {name: getattr(row, name) for name in COLUMNS}
            listed = {name: json.dumps(value) for name, value in plain.items() if isinstance(value, tuple)}
            sink.write(plain | listed)
    assert read_observations(file) == ROWS


def test_what_is_wrong_is_named_with_its_line(tmp_path):
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [name for name in COLUMNS if name != "unit_hash"], extrasaction="ignore")
        writer.writeheader()
        writer.writerow({name: getattr(ROWS[0], name) for name in COLUMNS})
    with pytest.raises(InvalidInputError) as error:
        read_observations(file)
    assert "unit_hash" in str(error.value)
    assert error.value.where == f"{file}:2"
    with pytest.raises(InvalidInputError, match="known forms"):
        read_observations(tmp_path / "rows.xlsx")
    (tmp_path / "rows.jsonl").write_text("[1]\n")
    with pytest.raises(InvalidInputError, match="JSON object"):
        read_observations(tmp_path / "rows.jsonl")
