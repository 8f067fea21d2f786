from tests.metrics.conftest import endpoint, tools

__all__ = ["endpoint", "tools"]
