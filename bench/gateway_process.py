"""A gateway process with a fixed snapshot, for measuring: the whole product path without control.

    python bench/gateway_process.py [--port 28471] [--upstream http://127.0.0.1:28472/v1] [--key KEY] [--profile FILE]

Everything that costs in production is on: key, assignment 90/10, prompt insertion, breakers, observation,
metrics. Observations are taken in batches as the link takes them, encoded and thrown away.
"""

from __future__ import annotations

from tidegate.gateway.memory import leave_out_modules

if __name__ == "__main__":
    leave_out_modules()  # as the product's gateway process does

import argparse
import asyncio
import cProfile
import os
import signal
import socket
import time
from hashlib import sha256
from pathlib import Path

import msgspec
import uvloop

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import (
    AccessKey,
    Price,
    Provider,
    ReleaseContext,
    ServiceRoute,
    Snapshot,
    VariantRoute,
)
from tidegate.gateway.app import Gateway
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import listen
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.memory import settle_memory
from tidegate.gateway.observer import Observer
from tidegate.gateway.records import Records
from tidegate.gateway.refusals import render_error
from tidegate.wire.insertion import Insertion

POLICY = "You answer for ACME support. Be brief, be kind, and never promise a refund."


def snapshot(
    upstream: str,
    key: str | None,
    mirror: int | None = None,
    mirror_upstream: str = "",
    ca_file: str | None = None,
) -> Snapshot:
    """One service, ``chat-default``, with a candidate on 10 %; or on none, with copies of ``mirror`` basis points."""
    is_split = mirror is None
    mirroring = Mirroring(share=mirror) if mirror else None
    return Snapshot(
        revision=1,
        epoch=1,
        lease_seconds=1e9,
        mac_key="00" * 32,
        open_access=key is None,
        keys=(AccessKey(name="bench", sha256=sha256(key.encode()).hexdigest()),) if key else (),
        providers={
            "mock": Provider(
                name="mock",
                dialect="openai",
                base_url=upstream,
                credential="memory:mock",
                ca_file=ca_file,
                prices={"*": Price(input=100_000, output=400_000, cached=50_000)},
            ),
            "mirrored": Provider(
                name="mirrored", dialect="openai", base_url=mirror_upstream or upstream, credential="memory:mock"
            ),
        },
        services={
            "chat-default": ServiceRoute(
                name="chat-default",
                stable="stable",
                salt="bench",
                variants=(
                    _variant("stable", "chat-default/v1.0.0-00000001", 9_000 if is_split else 10_000, "mock-model-a"),
                    _variant(
                        "candidate",
                        "chat-default/v1.1.0-00000002",
                        1_000 if is_split else 0,
                        "mock-model-b",
                        "mock" if is_split else "mirrored",
                    ),
                ),
                release=ReleaseContext(id="r-1", attempt=1, step=0, mirroring=mirroring),
            )
        },
    )


def _variant(name: str, version: str, weight: int, model: str, provider: str = "mock") -> VariantRoute:
    insertion = Insertion(model=model, system=POLICY, generation={"temperature": 0.2})
    return VariantRoute(name=name, version=version, weight=weight, provider=provider, insertion=insertion)


async def drain(*sources: Observer | Records) -> None:
    """Take observations and records as the link does."""
    while True:
        await asyncio.sleep(0.2)
        for source in sources:
            while (batch := source.take()) is not None:
                msgspec.msgpack.encode(batch)


async def count_tasks(file: Path) -> None:
    """Write the number of unfinished tasks each second."""
    while True:
        file.write_text(str(len(asyncio.all_tasks())))
        await asyncio.sleep(1)


async def watch_turns(file: Path) -> None:
    """Write the most CPU seconds that one turn of the loop took, whenever there is a new record.

    CPU of this thread, because a busy machine lengthens a turn and not its work.
    """
    longest, before = 0.0, time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        if now - before > longest:
            longest = now - before
            file.write_text(str(longest))
            now = time.thread_time()  # not the writing
        before = now


async def run(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    wheel = Wheel()
    pool = Pool(wheel)
    observer, records = Observer("bench", "boot"), Records("bench", "boot")
    gateway = Gateway(
        observer=observer,
        records=records,
        pool=pool,
        wheel=wheel,
        resolve=lambda _, secrets: secrets["mock"],
        boot=os.urandom(6),
    )
    table = snapshot(arguments.upstream, arguments.key, arguments.mirror, arguments.mirror_upstream, arguments.ca_file)
    gateway.holder.adopt(table, {"mock": "upstream-key"})
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(4096)
    server = await listen(listener, gateway.handle, render_error=render_error, wheel=wheel)
    settle_memory()
    beside = [asyncio.create_task(drain(observer, records))]
    if arguments.tasks_file:
        beside.append(asyncio.create_task(count_tasks(arguments.tasks_file)))
    if arguments.turns_file:
        beside.append(asyncio.create_task(watch_turns(arguments.turns_file)))
    await stopped.wait()
    for task in beside:
        task.cancel()
    await server.drain(0.2)
    pool.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=28471)
    parser.add_argument("--upstream", default="http://127.0.0.1:28472/v1")
    parser.add_argument("--key", help="the only key that is taken; without it, any is")
    parser.add_argument("--mirror", type=int, help="no split; copy so many of 10,000 requests, 0 for none")
    parser.add_argument("--mirror-upstream", default="", help="where copies go; else where all goes")
    parser.add_argument("--ca-file", help="whom to trust where the upstream speaks TLS")
    parser.add_argument("--profile", type=Path, help="write a cProfile here on exit")
    parser.add_argument("--tasks-file", type=Path, help="write the number of unfinished tasks here each second")
    parser.add_argument("--turns-file", type=Path, help="write the CPU seconds of the loop's longest turn here")
    arguments = parser.parse_args()
    profile = cProfile.Profile() if arguments.profile else None
    if profile is not None:
        profile.enable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(arguments))
    if profile is not None:
        profile.disable()
        profile.dump_stats(arguments.profile)


if __name__ == "__main__":
    main()
