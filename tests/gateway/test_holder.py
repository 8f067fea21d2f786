from __future__ import annotations

import time

import pytest

from tidegate.delivery.snapshot import Lease, Snapshot
from tidegate.gateway.holder import TableHolder


def holder() -> TableHolder[str]:
    def compile_table(snapshot, secrets):
        if snapshot.revision == 13:
            raise ValueError("weights break the law")
        return f"table {snapshot.epoch}.{snapshot.revision} {sorted(secrets)}"

    return TableHolder(compile_table)


def snapshot(revision: int, epoch: int = 1, lease_seconds: float = 60.0) -> Snapshot:
    return Snapshot(revision=revision, epoch=epoch, lease_seconds=lease_seconds)


def test_a_newer_snapshot_is_put_in_force_with_its_secrets():
    held = holder()
    assert held.adopt(snapshot(1), {"a": "s"})
    assert held.adopt(snapshot(2), {})
    assert (held.current, held.revision, held.epoch) == ("table 1.2 []", 2, 1)


def test_an_older_revision_or_epoch_never_replaces_a_newer_one():
    held = holder()
    held.adopt(snapshot(5, epoch=2), {})
    assert not held.adopt(snapshot(4, epoch=2), {})
    assert not held.adopt(snapshot(9, epoch=1), {})
    assert held.revision == 5


def test_a_new_leader_may_start_from_an_older_revision():
    held = holder()
    held.adopt(snapshot(50, epoch=1), {})
    assert held.adopt(snapshot(3, epoch=2), {})
    assert held.revision == 3


def test_a_snapshot_that_breaks_a_law_leaves_the_old_table_in_force():
    held = holder()
    held.adopt(snapshot(12), {})
    with pytest.raises(ValueError, match="law"):
        held.adopt(snapshot(13), {})
    assert held.current == "table 1.12 []"


def test_a_snapshot_from_disk_has_no_lease_until_control_renews_it():
    held = holder()
    held.adopt(snapshot(1), {}, has_lease=False)
    assert not held.is_lease_valid
    held.renew(Lease(revision=1, epoch=1, seconds=60))
    assert held.is_lease_valid


def test_a_lease_runs_out_and_only_the_table_in_force_can_be_renewed():
    held = holder()
    held.adopt(snapshot(1, lease_seconds=0.01), {})
    time.sleep(0.02)
    assert not held.is_lease_valid
    held.renew(Lease(revision=2, epoch=1, seconds=60))
    assert not held.is_lease_valid
