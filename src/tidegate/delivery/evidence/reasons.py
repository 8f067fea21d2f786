"""Every reason a verdict may have: a stable code and the sentence people read."""

from __future__ import annotations

MISMATCH = "sample_ratio_mismatch"

# Of hard limits.
LIMITS: dict[str, str] = {
    "breached": "{metric} is {estimate} over {samples} requests ({events} against it), surely {operator} {limit}",
    "within_limit": "{metric} is {estimate} over {samples} requests, not surely {operator} {limit}",
    "too_few_samples": "{metric} rests on {samples} requests and needs {least}",
    "not_measured": "{metric}: no request to judge by yet",
    "counts_unavailable": "the observations could not be read",
    "environment": "{metric} is {estimate} over {samples} requests, surely {operator} {limit}, and so is stable's: "
    "the environment is to blame; it can be judged once stable is well again",
}

# Of comparisons and rules.
COMPARISONS: dict[str, str] = {
    "worse_than_stable": "{metric} is {estimate} against {stable} of stable ({effect}, {interval}), surely {direction} "
    "than {margin} allows, over {samples} and {stable_samples} units",
    "not_worse_than_stable": "{metric} is {estimate} against {stable} of stable ({effect}, {interval}), surely within "
    "{margin}, over {samples} and {stable_samples} units",
    "undecided": "{metric} is {estimate} against {stable} of stable ({effect}, {interval}): neither surely within "
    "{margin} nor surely beyond it, over {samples} and {stable_samples} units; more units of the smaller arm decide it",
    "too_few_compared": "{metric} compares {samples} units with {stable_samples} of stable and needs {least} of each",
    "not_comparable": "{metric} is {estimate} against {stable} of stable: a mean that is not above zero has no relative "
    "change",
    "no_baseline": "{metric} has no threshold yet: 100 units of stable freeze it",
    MISMATCH: "the variants have so many units: {units}, which their shares cannot explain ({shares}): "
    "assignment or counting is broken, and nothing can be compared until that is mended",
    "rule_broken": "{metric} is {estimate} against {stable} of stable: {rule} held in {times} of the last {among} analyses",
    "rule_kept": "{metric} is {estimate} against {stable} of stable: {rule} held in {times} of the last {among} analyses, "
    "and {wanted} are too many",
}

# Of pairs: both answers to the same requests.
PAIRS: dict[str, str] = {
    "pairs_worse": "{metric} is {estimate} against {stable} of stable on the same requests ({effect}, {interval}), "
    "surely more than {margin} allows, over {samples} pairs",
    "pairs_not_worse": "{metric} is {estimate} against {stable} of stable on the same requests ({effect}, {interval}), "
    "surely within {margin}, over {samples} pairs",
    "pairs_undecided": "{metric} is {estimate} against {stable} of stable on the same requests ({effect}, {interval}), "
    "neither surely within {margin} nor surely beyond it, over {samples} pairs; more pairs decide it",
    "too_few_pairs": "{metric} compares {samples} pairs and needs {least}",
    "shown_of_pairs": "{metric} is {estimate} against {stable} of stable on the same requests, over {samples} pairs; a "
    "mirror runs under another load and another cache, so this decides nothing",
}

# Of numbers that come from elsewhere.
READINGS: dict[str, str] = {
    "value_breached": "{metric} is {estimate}: {rule} held in {times} of the last {among} readings",
    "value_kept": "{metric} is {estimate}: {rule} held in {times} of the last {among} readings, and {wanted} are too many",
    "not_read": "{metric} has no value: {detail}",
}

# Of votes on pairs.
VOTES: dict[str, str] = {
    "surely_disliked": "{metric} is {estimate} over {samples} votes ({wins} won, {ties} tied, {losses} lost; "
    "{interval}), surely below {limit}",
    "surely_liked_enough": "{metric} is {estimate} over {samples} votes ({wins} won, {ties} tied, {losses} lost; "
    "{interval}), surely above {limit}",
    "not_surely_disliked": "{metric} is {estimate} over {samples} votes ({wins} won, {ties} tied, {losses} lost; "
    "{interval}), not surely below {limit}",
    "votes_undecided": "{metric} is {estimate} over {samples} votes ({wins} won, {ties} tied, {losses} lost; "
    "{interval}), surely neither above nor below {limit}; more votes decide it",
    "preferred": "by {metric} {detail}",
    "not_preferred": "by {metric} {detail}",
    "too_few_votes": "{metric} rests on {samples} votes and needs {least}",
}

REASONS: dict[str, str] = {**LIMITS, **COMPARISONS, **PAIRS, **READINGS, **VOTES}
