"""The HTTP gateway inside TensorZero's Python package, which is its Rust gateway, until it is ended.

    OPENAI_API_KEY=… python tensorzero_gateway.py CONFIGURATION PORT_FILE

The package starts it for its patched OpenAI client, on a port of its own choice; PORT_FILE says which.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import tensorzero

configuration, port_file = sys.argv[1:]
gateway = tensorzero._start_http_gateway(  # noqa: SLF001 - no public function starts it
    config_file=configuration, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
Path(port_file).write_text(str(urlsplit(gateway.base_url).port))
threading.Event().wait()
