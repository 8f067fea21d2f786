"""Before anything moves: how many units a question takes, and what can be answered with those there are.

Needs scipy.special.
"""
