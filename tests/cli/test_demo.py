"""The demo from its first request to its last release, as `tidegate up --demo` tells it."""

from __future__ import annotations

import pytest
from tests.cli.running import clean_environ

from tidegate.cli.demo.run import run_demo
from tidegate.config import ListenSettings, Settings


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_story_ends_as_it_is_told(capsys):
    listen = ListenSettings(gateway="127.0.0.1:0", control="127.0.0.1:0")
    code = run_demo(Settings(listen=listen), workers=1, environ=clean_environ(), pause_seconds=2, is_ending=True)
    told = capsys.readouterr().out.splitlines()
    assert code == 0
    assert told[0].startswith("watch it in a browser: http://127.0.0.1:")
    story = "\n".join(told)
    promoted, rejected, rolled_back = (story.index(each) for each in ("is promoted", "rejected: ", "rolled back: "))
    assert promoted < rejected < rolled_back
    assert "cost_per_request" in story[rolled_back:]  # nothing failed: the comparison with stable found it out
