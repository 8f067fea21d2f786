"""Every operation of the client, once, as data, by subject; the parameters and docstrings are those of the methods.

``Client`` and ``AsyncClient`` are generated from these modules: run ``python -m tidegate.client.surface`` after a change.
"""
