from tidegate.delivery.bundle import Bundle
from tidegate.delivery.snapshot import Provider
from tidegate.runtimes.external import ExternalRuntime, Readiness

LOCAL = Provider(name="local", dialect="openai", base_url="http://127.0.0.1:1/v1")


async def test_a_version_is_ready_when_its_provider_is_configured():
    configured = {"local": LOCAL}
    runtime = ExternalRuntime(lambda: configured)
    bundle = Bundle(model="local/m")
    assert runtime.readiness("bot/v1", bundle) == Readiness(is_ready=True)
    await runtime.deploy("bot/v1", bundle)
    await runtime.tear_down("bot/v1")
    configured.clear()
    lost = runtime.readiness("bot/v1", bundle)
    assert lost.is_ready is False
    assert "'local'" in lost.detail
    assert "known are none" in lost.detail
