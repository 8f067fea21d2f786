"""Names of the conventions are those that the published package knows."""

from importlib import import_module

import pytest

from tidegate.controller.opentelemetry import names

attributes = [
    value
    for name, value in vars(names).items()
    if isinstance(value, str) and value.startswith(("gen_ai.", "error.", "http.")) and name != "TOKENS"
]
_MODULES = (
    "opentelemetry.semconv._incubating.attributes.gen_ai_attributes",
    "opentelemetry.semconv._incubating.attributes.http_attributes",
    "opentelemetry.semconv.attributes.error_attributes",
    "opentelemetry.semconv._incubating.metrics.gen_ai_metrics",
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_name_is_published():
    known = {value for module in _MODULES for value in vars(import_module(module)).values() if isinstance(value, str)}
    assert set(attributes) - known == set()
    assert names.TOKENS in known
