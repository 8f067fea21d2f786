"""Redo a release's decision on errors from its exported requests, with tidegate.stats alone.

    tidegate requests export --release rel_01k5c8z3q2v7m4xw -o requests.csv
    python examples/redo_a_decision.py requests.csv --step 0 --max-ratio 1.5 --alpha 0.05

`alpha` is the part of the release's alpha that this guardrail had in this step: alpha / judgings / conditions that act
(`tidegate explain RELEASE --json` and the release file tell them). Everything is counted here by hand, so that nobody
has to believe the product's own counts.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import Counter
from pathlib import Path

import tidegate.stats as ts

FAILURES = {"upstream_error", "upstream_rejected", "rate_limited", "timeout", "truncated"}
UNJUDGED = {"cancelled", "caller_error", "no_version", "internal_error"}
Row = dict[str, str]


def first_of_each_unit(rows: list[Row], step: int, began_us: int) -> list[Row]:
    """Requests of one unit are alike, so a unit counts by its first request after the step's weights were verified."""
    firsts: dict[tuple[str, str], Row] = {}
    ordered = sorted(rows, key=lambda row: (int(row["started_at_us"]), row["request_id"]))
    for row in ordered:
        if int(row["step"]) == step and int(row["started_at_us"]) >= began_us and row["is_open"] != "True":
            firsts.setdefault((row["variant"], row["unit_hash"]), row)
    return list(firsts.values())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("file", type=Path)
    options.add_argument("--step", type=int, default=0)
    options.add_argument("--began-us", type=int, default=0, help="when the step's window opened")
    options.add_argument("--max-ratio", type=float, default=1.0)
    options.add_argument("--alpha", type=float, default=0.05, help="of a false fail")
    options.add_argument("--pass-alpha", type=float, default=0.05, help="of a false pass")
    chosen = options.parse_args()
    with chosen.file.open(newline="") as stream:
        rows = first_of_each_unit(list(csv.DictReader(stream)), chosen.step, chosen.began_us)
    points = Counter(int(row["propensity"]) for row in rows if row["variant"] == "candidate")
    share = points.most_common(1)[0][0]  # basis points with which most units were drawn
    drawn = {"candidate": share, "stable": 10_000 - share}
    arms = {}
    for variant, weight in drawn.items():
        own = [row for row in rows if row["variant"] == variant and int(row["propensity"]) == weight]
        judged = [row for row in own if row["assigned_outcome"] not in UNJUDGED]
        arms[variant] = ts.Events(sum(row["assigned_outcome"] in FAILURES for row in judged), len(judged))
    candidate, stable = arms["candidate"], arms["stable"]
    counted = [ts.Stratum(share / 10_000, candidate.events, candidate.trials, stable.events, stable.trials)]
    harm = ts.log_evidence_of_harm(counted, chosen.max_ratio)
    safety = ts.log_evidence_of_safety(counted, chosen.max_ratio)
    low, high = (math.exp(edge) for edge in ts.log_ratio_interval(counted, chosen.alpha))
    mismatch = ts.log_mismatch((candidate.trials, stable.trials), (share / 10_000, 1 - share / 10_000))
    verdict = ts.Verdict.INCONCLUSIVE
    if harm >= -math.log(chosen.alpha) and candidate.events + stable.events >= 5:
        verdict = ts.Verdict.FAIL
    elif safety >= -math.log(chosen.pass_alpha):
        verdict = ts.Verdict.PASS
    for variant, arm in arms.items():
        print(f"{variant}: {arm.events} of {arm.trials} units failed ({arm.rate:.2%})")
    print(f"ratio of rates between {low:.3g} and {high:.3g}, {chosen.max_ratio:g} tolerated")
    print(f"log evidence of harm {harm:.3f}, of safety {safety:.3f}; fails at {-math.log(chosen.alpha):.3f}")
    print(f"sample ratio: log evidence of a mismatch {mismatch:.3f}, alarm at {-math.log(0.001):.3f}")
    print(f"verdict: {verdict}")


if __name__ == "__main__":
    main()
