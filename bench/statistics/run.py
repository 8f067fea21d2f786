"""False alarms and power of every method that the product uses by default, under looking after every unit.

    python -m bench.statistics.run [--runs 1000] [--seed 0] [--write docs/explanation/statistics.md]

Each row says what it promises; the run fails if a promise is not kept (3 standard errors are allowed for chance).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench.statistics import planned
from bench.statistics.row import Measured, measure
from bench.statistics.rows import rows
from bench.statistics.speed import speeds

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def render(measured: list[Measured], options: argparse.Namespace) -> str:
    """The tables of the page."""
    command = f"python -m bench.statistics.run --runs {options.runs} --seed {options.seed}"
    head = "| world | method | runs | acted | ± | promise | median units to act |\n|---|---|---:|---:|---:|---:|---:|"
    alarms = [m.line() for m in measured if m.row.within is None]
    powers = [m.line() for m in measured if m.row.within is not None]
    return "\n".join([
        f"`make bench-statistics` (`{command}`), alpha 5 %, one-sided, a look after *every* unit; ± is the Monte-Carlo",
        "standard error. Streams have 100,000 units, preferences, A/B tests and bandits of versions 20,000.",
        "", "**False alarms.** The candidate is no worse; a promise is kept within three standard errors.", "",
        head, *alarms, "", "**Power.** The candidate is as the row says; the stream ends where the power counts.", "",
        head, *powers, "", *planned.table(options.runs, options.seed), "", *speeds(), "",
    ])  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="rows whose world or method contains this")
    options.add_argument("--write", type=Path, help="page whose measured part is replaced")
    chosen = options.parse_args()
    measured = []
    for row in rows():
        if chosen.only not in f"{row.world} {row.method}":
            continue
        began = time.perf_counter()
        measured.append(measure(row, chosen.runs, chosen.seed))
        print(f"{measured[-1].line()} {time.perf_counter() - began:.1f} s", flush=True)
    text = "\n".join(found.line() for found in measured) if chosen.only else render(measured, chosen)
    print(text)
    if chosen.write and not chosen.only:
        page = chosen.write.read_text()
        start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        chosen.write.write_text(f"{page[:start]}\n\n{text}\n{page[end:]}")
    broken = text.count("**broken**")
    sys.exit(f"{broken} promises are broken" if broken else 0)


if __name__ == "__main__":
    main()
