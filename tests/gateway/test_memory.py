import os
import subprocess
import sys

import pytest

# In a process of its own: freezing is for ever, and the heap of this one has another history.
SCRIPT = """
import gc, resource
from tidegate.gateway.memory import settle_memory

{settle}

def faults_of_large_bodies():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        bodies = [bytes(100_000) for _ in range(4)]
        del bodies
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults_of_large_bodies()
print(faults_of_large_bodies(), gc.get_freeze_count(), gc.isenabled())
"""


def measured(settle):
    script = SCRIPT.format(settle=settle)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    faults, frozen, is_enabled = done.stdout.split()
    return int(faults), int(frozen), is_enabled == "True"


def test_start_up_is_frozen_and_the_collector_still_runs():
    _, frozen, is_enabled = measured("settle_memory()")
    assert frozen > 1000
    assert is_enabled


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is about glibc")
def test_bodies_of_some_size_cost_no_page_faults_once_memory_is_settled():
    faults_before, _, _ = measured("")
    faults_after, _, _ = measured("settle_memory()")
    assert faults_after * 20 < faults_before
