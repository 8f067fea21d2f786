"""A rollback becomes an alert: the product, Prometheus, Alertmanager and a receiver, all of them real."""

import asyncio

import pytest
from tests.e2e.test_lifecycle import LONG, SERVICE, bundle, running
from tests.monitoring.real_prometheus import ALERTMANAGER, PROMETHEUS, alertmanager, ask, prometheus, webhook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        PROMETHEUS is None or ALERTMANAGER is None, reason="prometheus and prometheus-alertmanager are not installed"
    ),
]


async def test_a_bad_release_is_rolled_back_and_people_are_told(tmp_path):
    async with (
        running(tmp_path, workers=2) as product,
        webhook() as told,
        alertmanager(tmp_path, told.url) as alerts,
        prometheus(
            tmp_path, gateway=product.gateway_url, control=product.control_url, alerts_to=alerts
        ) as prometheus_url,
    ):
        ended = await product.release("v1.1.0", bundle("rotten"), LONG)
        assert ended.phase == "rolled_back"
        async with asyncio.timeout(60):
            while not told.named("TidegateRolledBack"):
                await asyncio.sleep(0.2)
        (alert, *_) = told.named("TidegateRolledBack")
        assert alert["labels"]["service"] == SERVICE
        assert "tidegate incidents" in alert["annotations"]["remedy"]

        async with asyncio.timeout(60):  # both workers, whichever is scraped; that may come after the rollback
            while len(await ask(prometheus_url, "sum by (gateway) (tidegate_open_connections)")) != 2:
                await asyncio.sleep(0.2)
        phase = await ask(prometheus_url, f'tidegate_release_phase{{service="{SERVICE}"}} == 1')
        assert [found["metric"]["phase"] for found in phase] == ["rolled_back"]
