"""Coverage-guided fuzzing of one property, with libFuzzer through atheris.

    python -m tests.fuzz.run PROPERTY [libFuzzer's options, such as -max_total_time=60]

It has an environment of its own (``make fuzz``), because atheris brings a whole libFuzzer.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tidegate.gateway.http", "tidegate.wire"]):
    from tests.fuzz.properties import PROPERTIES, SEEDS


def main() -> None:
    name, *options = sys.argv[1:]
    if name not in PROPERTIES:
        sys.exit(f"{name!r} is no property; there are: {', '.join(PROPERTIES)}")
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, "-max_len=512", "-timeout=20", corpus], PROPERTIES[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
