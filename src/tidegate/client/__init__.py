"""The typed client of the admin API: :class:`Client` blocks, :class:`AsyncClient` awaits; both have the same methods.

What they return is defined in :mod:`tidegate.shapes`.
"""

from tidegate.client.asynchronous import AsyncClient
from tidegate.client.blocking import Client
from tidegate.client.waiting import EXIT_CODES, Waited

__all__ = ["EXIT_CODES", "AsyncClient", "Client", "Waited"]
