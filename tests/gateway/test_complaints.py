"""What operators are told of providers that cannot be asked."""

from __future__ import annotations

import pytest
from tests.faults.certificates import of_somebody_else, of_unknown_authority, of_yesterday, presenting
from tests.gateway.gateway_bench import Bench, service

from tidegate.gateway.complaints import QUIET_SECONDS, Complaints
from tidegate.gateway.http.client import ConnectError, ProtocolError


def test_a_reason_is_told_when_it_comes_up_and_then_once_a_minute():
    told: list[str] = []
    now = 5.0
    complaints = Complaints(told.append, lambda: now)
    for _ in range(3):
        complaints.hear("sim", ConnectError("connecting to a:1 failed: refused"))
    assert told == ["The provider 'sim' could not be asked: connecting to a:1 failed: refused"]
    complaints.hear("sim", ProtocolError("no status line"))
    complaints.hear("other", ConnectError("connecting to b:1 failed: refused"))
    assert len(told) == 3
    now += QUIET_SECONDS
    complaints.hear("sim", ConnectError("connecting to a:1 failed: no route"))
    assert told[3] == (
        "The provider 'sim' could not be asked: connecting to a:1 failed: no route (2 more of the kind were not told)"
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (of_unknown_authority, "unable to get local issuer certificate"),
        (of_yesterday, "certificate has expired"),
        (of_somebody_else, "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["unknown authority", "expired", "another host"],
)
async def test_why_a_certificate_is_not_trusted_is_told_to_operators_and_to_no_client(bench: Bench, make, reason):
    told: list[str] = []
    bench.gateway.complaints = Complaints(told.append)
    async with presenting(make) as (url, ca_file):
        bench.provide("sim", url, ca_file=ca_file)
        bench.publish(service())
        answer = await bench.chat()
    where = url.removeprefix("https://")
    assert len(told) == 1
    assert told[0].startswith(f"The provider 'sim' could not be asked: the certificate of {where} is not trusted: ")
    assert reason in told[0]
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert "certificate" not in answer.text
    assert where not in answer.text
