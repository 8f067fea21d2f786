"""Tests for one look at a number of units that was fixed beforehand: reports, and experiments with a horizon.

Looked at more often, each of them lies: a z-test looked at after every request up to 100,000 calls more than half of
harmless candidates different at alpha = 5 %. Needs scipy.special.
"""
