"""The statements of feedback, kept texts, judgements and requests run on PostgreSQL as they do on SQLite."""

from datetime import UTC, datetime

import msgspec
import pytest
from tests.fakes.observations import batch, observation

from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.delivery.records import ContentRecord, FeedbackRecord
from tidegate.registry import judgements, kept_content, observations, requests
from tidegate.registry.database import Database
from tidegate.registry.feedback.attributing import attribute
from tidegate.registry.feedback.keeping import forget_feedback, give_up, keep_feedback, pending
from tidegate.registry.feedback.reading import list_feedback
from tidegate.registry.judges import list_judges, put_judge
from tidegate.registry.migrate import migrate
from tidegate.registry.observations import Counts
from tidegate.registry.pairs import keep_pairs
from tidegate.registry.requests import RequestFilter

NOW = datetime(2026, 9, 15, tzinfo=UTC)
FILTERS = [
    {},
    {"service": "bot", "variant": "candidate"},
    {"services": ("bot", "shop"), "version": "bot/v1.0.0-00000000"},
    {"release": "rel_1"},
    {"outcome": "timeout"},
    {"is_filtered": True},
    {"slower_than_us": 10_000_000},
    {"slower_than_us": 1},
    {"costlier_than_nano": 100_000_000},
    {"is_rated": True},
    {"feedback_name": "stars", "since_us": 0, "until_us": 1 << 60},
]


def content(request_id: str) -> ContentRecord:
    fields = {"at_us": 5, "service": "bot", "version": "v", "unit_hash": 2**64 - 1, "prompt": (), "answer": "hi"}
    return ContentRecord(request_id=request_id, keep_seconds=60, **fields)


@pytest.mark.postgres
async def test_every_statement_runs(postgres_url):
    database = Database(postgres_url)
    for part in ("state", "observations"):
        await migrate(database, part)
    row = observation(request_id="req_1", release="rel_1", unit_hash=2**64 - 1, propensity=500)
    spec = JudgeSpec(service="judge", rubric="kind?")
    async with database.write() as connection:
        assert await put_judge(connection, "kind", spec, actor="t", at=NOW)
        assert await list_judges(connection) == {"kind": spec}
        await observations.store_batch(connection, batch([row]), [row], NOW, lambda _: Counts.COMPARED)
        await kept_content.keep_content(connection, [content("req_1"), content(copy_id("req_1"))])
        await keep_pairs(connection, [PairRecord(stable=row, candidate=row)], lambda _: True)
        said = FeedbackRecord(at_us=9, key="k", name="stars", value=4, request_id="req_1", once="a")
        later = msgspec.structs.replace(said, at_us=10, value=3, once="b")
        found = (await requests.of_requests(connection, ["req_1"]))["req_1"]
        for sent in ([said, said], [later]):
            await keep_feedback(connection, sent)
            (waiting,) = await pending(connection, received_after_us=0, limit=9)
            await attribute(connection, waiting, found.observation, Counts(found.counted), is_of_turns=True)
        for is_pair in (False, True):
            (asked,) = await judgements.unjudged(
                connection, "kind", "rel_1", began_before_us=99, is_pair=is_pair, among=9
            )
            assert asked.kept.answer == "hi"
            assert asked.copied_answer == ("hi" if is_pair else None)
            assert (asked.pair is not None) is is_pair
        judged = judgements.Judgement(row, Counts.COMPARED, "kind", "judge/v1", 9, 500_000)
        await judgements.keep_judgement(connection, judged)
        assert await judgements.pinned_version(connection, "kind", "rel_1", 1) == "judge/v1"
        assert len(await judgements.latest_judgements(connection, "kind")) == 1
        assert await judgements.labels_of(connection, "kind") == []
        assert await judgements.spent_since(connection, "bot", 0) == (1_500, 0)
        for wanted in FILTERS:
            await requests.find_requests(connection, RequestFilter(**wanted), after="99999999999999999-9", limit=1)
        latest = await requests.latest_of_units(
            connection, "bot", {2**64 - 1}, started_after_us=0, started_before_us=1 << 60, among=9
        )
        assert list(latest) == [2**64 - 1]
        assert [each.micro for each in await list_feedback(connection, after="99-9")] == [3_000_000]
        assert (await kept_content.erase_subject(connection, 2**64 - 1, 10)).contents == 2
        assert await kept_content.forget_content(connection, 1, most_size=0) == 0
        await kept_content.forget_erasures(connection, 99)
        assert await give_up(connection, 99) == 0
        assert await forget_feedback(connection, 99) == 1
        (counted,) = (await observations.read_counts(connection, ["rel_1"]))["rel_1"].values()
        assert set(counted.compared.opinions) == {"stars", "judge:kind"}
    await database.checkpoint()
    await database.close()
