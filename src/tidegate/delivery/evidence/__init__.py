"""Evidence: from one request's observation to the verdict on a release. Numbers in, judgement out; nothing here moves traffic.

Bottom up: :mod:`~tidegate.delivery.evidence.summary` adds observations up, :mod:`~tidegate.delivery.evidence.metrics`
names what can be read from the sums, ``limits``, ``comparisons``, ``rules`` and ``sample_ratios`` judge, and
:mod:`~tidegate.delivery.evidence.analysis` puts their verdicts together.
"""
