"""Workers of one machine make one page, however many of them a crash has taken."""

from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.siblings import Siblings


async def test_whoever_is_asked_knows_the_others_pages(tmp_path):
    wheel = Wheel()
    pool = Pool(wheel)
    workers = [Siblings(tmp_path / name, pool, _page(name)) for name in ("g1", "g2", "g3")]
    for worker in workers:
        await worker.open(wheel)
    assert await workers[1].pages() == [b"page of g1", b"page of g3"]
    await workers[0].close()
    assert await workers[1].pages() == [b"page of g3"]
    for worker in workers[1:]:
        await worker.close()
    assert await workers[1].pages() == []
    pool.close()


async def test_what_a_crash_left_behind_is_passed_over(tmp_path):
    wheel = Wheel()
    pool = Pool(wheel)
    worker = Siblings(tmp_path / "g1", pool, _page("g1"))
    await worker.open(wheel)
    for name, content in (("dead", "1"), ("torn", ""), ("strange", "no number")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "telemetry.port").write_text(content)
    assert await worker.pages() == []
    await worker.close()
    pool.close()


async def test_one_who_has_taken_our_place_keeps_its_number(tmp_path):
    wheel = Wheel()
    pool = Pool(wheel)
    before, after = (Siblings(tmp_path / "g1", pool, _page(name)) for name in ("before", "after"))
    await before.open(wheel)
    await after.open(wheel)
    await before.close()
    other = Siblings(tmp_path / "g2", pool, _page("g2"))
    assert await other.pages() == [b"page of after"]
    await after.close()
    pool.close()


def _page(name: str):
    async def render() -> bytes:
        return f"page of {name}".encode()

    return render
