"""What `release` reads from its words and its file."""

from __future__ import annotations

from tidegate.cli.release_spec import read_spec

_EXPERIMENT = """
kind: Release
service: bot
strategy:
  ab_test:
    variants: {control: "@stable", short: v1.4.0, long: v1.5.0}
objectives: [{metric: cost_per_request}]
"""


def test_the_arms_of_an_experiment_stand_for_its_version(tmp_path):
    file = tmp_path / "release.yaml"
    file.write_text(_EXPERIMENT)
    version, spec = read_spec("bot", None, strategy=None, file=file)
    assert version == "v1.4.0"
    assert spec is not None
    assert set(spec) == {"strategy", "objectives"}


def test_a_file_names_the_version_unless_the_command_does(tmp_path):
    file = tmp_path / "release.yaml"
    file.write_text("version: v1.1.0\nstrategy: canary\n")
    assert read_spec("bot", None, strategy=None, file=file) == ("v1.1.0", {"strategy": "canary"})
    assert read_spec("bot", "v1.2.0", strategy=None, file=file) == ("v1.2.0", {"strategy": "canary"})
