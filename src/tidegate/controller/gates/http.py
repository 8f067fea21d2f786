"""The gate ``http``: a service that is asked by POST and answers ``{"score": 0.87, "n": 200}``.

Every repetition of a question carries the same ``Idempotency-Key``. *202* means *working on it, ask again*; so do
429, a server error and silence, until the gate's time is up. Redirects are not followed.
"""

from __future__ import annotations

import asyncio

import httpx2
import msgspec

from tidegate.controller.gates.asking import Question, read_report
from tidegate.delivery.gates import GateReport

_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0
_EXCERPT_CHARACTERS = 500


class HttpGate:
    """Asks the gate's service."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def ask(self, question: Question) -> GateReport:
        """Ask until there is an answer, or time is up."""
        said = "nobody answered"
        try:
            async with asyncio.timeout(question.spec.timeout):
                while True:
                    try:
                        answer = await self._post(question)
                    except httpx2.HTTPError as error:
                        said, pause = str(error) or type(error).__name__, _PAUSE_SECONDS
                    else:
                        if not _is_to_be_repeated(answer):
                            return _report(answer)
                        said, pause = f"it answered {answer.status_code}", _pause(answer)
                    await asyncio.sleep(pause)
        except TimeoutError:
            ended = f"there was no answer within {question.spec.timeout:g} s; at last {said}"
            return GateReport(is_success=False, ended=ended, is_known=False)

    async def _post(self, question: Question) -> httpx2.Response:
        return await self._client.post(
            question.spec.http or "",
            content=msgspec.json.encode(question.fields | {"gateway": question.gateway}),
            headers={"content-type": "application/json", "idempotency-key": question.key},
            timeout=httpx2.Timeout(question.spec.timeout, connect=10.0),
            follow_redirects=False,
        )


def _is_to_be_repeated(answer: httpx2.Response) -> bool:
    return answer.status_code in {202, 408, 425, 429} or answer.status_code >= 500


def _pause(answer: httpx2.Response) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_PAUSE_SECONDS) if asked.isdecimal() else _PAUSE_SECONDS


def _report(answer: httpx2.Response) -> GateReport:
    ended, excerpt = f"it answered {answer.status_code}", answer.text[:_EXCERPT_CHARACTERS]
    if not answer.is_success:
        return GateReport(is_success=False, ended=ended, excerpt=excerpt)
    found = read_report(answer.text)
    return GateReport(is_success=True, ended=ended, score=found.score, samples=found.n, excerpt=excerpt)
