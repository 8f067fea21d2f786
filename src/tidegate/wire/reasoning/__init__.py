"""Reasoning and its signatures go back to nobody but their maker, also among providers of one dialect.

Answers carry a mark of their maker in what is opaque anyway (:mod:`marking`), clients send it back with their history,
and each attempt gets what its own provider made, as that made it (:mod:`returning`). No process remembers anything.
"""
