"""Metrics are added up exactly, whatever the batches."""

from __future__ import annotations

import math

from tests.fakes.observations import observation

from tidegate.controller.opentelemetry import names
from tidegate.controller.opentelemetry.instruments import Instruments


def read(instruments: Instruments) -> dict:
    return {instrument.name: series for instrument, series in instruments.read()}


def test_a_value_lies_in_the_bucket_that_scale_five_gives_it():
    instruments = Instruments()
    instruments.learn([observation(duration_us=250_000)])
    ((labels, series),) = read(instruments)[names.DURATION].items()
    assert dict(labels)[names.OPERATION] == "chat"
    ((index, count),) = series.buckets.items()
    assert count == 1
    assert 2 ** (index / 32) < 0.25 <= 2 ** ((index + 1) / 32) * (1 + 1e-12)
    assert (series.count, series.total, series.least, series.most) == (1, 0.25, 0.25, 0.25)


def test_batches_add_up():
    rows = [observation(duration_us=1000 * number, request_id=f"r{number}") for number in range(1, 200)]
    whole, parts = Instruments(), Instruments()
    whole.learn(rows)
    for row in rows:
        parts.learn([row])
    assert read(whole) == read(parts)


def test_tokens_are_told_apart_by_type_and_unknown_ones_are_not_counted():
    instruments = Instruments()
    instruments.learn([observation(input_tokens=12, output_tokens=-1), observation(input_tokens=0, output_tokens=5)])
    found = {dict(labels)[names.TOKEN_TYPE]: series for labels, series in read(instruments)[names.TOKENS].items()}
    assert (found["input"].count, found["input"].zeros, found["input"].total) == (2, 1, 12)
    assert found["output"].count == 1


def test_streams_alone_have_a_first_token():
    instruments = Instruments()
    instruments.learn([observation(), observation(stream=True, ttft_us=30_000, tpot_us=2_000)])
    found = read(instruments)
    assert sum(series.count for series in found[names.FIRST_TOKEN].values()) == 1
    assert math.isclose(sum(series.total for series in found[names.PER_TOKEN].values()), 0.002)
