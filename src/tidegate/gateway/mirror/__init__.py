"""Copies of users' requests for a candidate, whose answers no user sees; off the request's path in every way.

A copy is the same request with another responder: rendered for the candidate, sent, timed and read by the code that
serves users, into a recording instead of a connection. What it must never do is told by where it is kept apart: its
own places, breaker and load at the provider, its own bounds of money and tokens, and it is the first to go when the
gateway is busy.
"""
