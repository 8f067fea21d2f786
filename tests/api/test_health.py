from tests.fakes.observations import observation

from tidegate.delivery.observation import ObservationBatch


async def test_control_is_ready_when_it_can_read_and_has_published(shared):
    assert (await shared.send("GET", "//healthz")).text == "ok\n"
    assert (await shared.send("GET", "//readyz")).status_code == 200


async def test_control_is_not_ready_without_its_database(shared, monkeypatch):
    def broken():
        raise OSError("the disk is gone")

    monkeypatch.setattr(shared.control.state, "read", broken)
    answer = await shared.send("GET", "//readyz")
    assert (answer.status_code, answer.text) == (503, "the database does not answer\n")


async def test_a_stopping_control_is_alive_and_not_ready(server):
    server.app.state.plane.closing.set()
    assert (await server.send("GET", "//readyz")).status_code == 503
    assert (await server.send("GET", "//healthz")).status_code == 200


async def test_telemetry_is_a_prometheus_page(shared):
    page = await shared.send("GET", "//metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert "tidegate_snapshot_revision" in page.text
    assert 'tidegate_traffic_weight{service="bot"' in page.text


async def test_gateways_are_shown_as_they_said_last(server, client):
    server.hear_gateway()
    (gateway,) = (await client.gateways()).items
    assert (gateway.id, gateway.is_live, gateway.is_current) == ("gateway-1", True, True)


async def test_requests_are_found_by_id_and_page_from_the_newest(server, client):
    rows = [
        observation(request_id=f"req_{n}", started_at_us=1_789_473_600_000_000 + n, service="bot") for n in range(5)
    ]
    await server.control.store(ObservationBatch.of("g", "boot", 1, rows))
    assert (await client.request("req_3")).service == "bot"
    first = await client.requests(service="bot", limit=3)
    second = await client.requests(service="bot", limit=3, cursor=first.next)
    assert [each.request_id for each in (*first.items, *second.items)] == [f"req_{n}" for n in (4, 3, 2, 1, 0)]
    assert second.next is None


async def test_the_audit_chain_is_whole_and_knows_its_head(client):
    found = await client.verify_audit()
    assert found.is_whole
    assert (await client.verify_audit(head=(found.head_seq, found.head_hash))).is_whole
    assert not (await client.verify_audit(head=(found.head_seq, "0" * 64))).is_whole
