"""The dashboard: what serves whom, how sure we are, what comes next, and the one click that stops it.

A page is a user of the API like any other: it asks the API inside this process in the name of whoever looks, and acts
by the same operations, so there is no second decision and no second right. Pages are whole before a script runs;
scripts keep them live.
"""
