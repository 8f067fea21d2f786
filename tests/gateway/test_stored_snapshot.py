from __future__ import annotations

from tidegate.delivery.snapshot import Provider, Snapshot
from tidegate.gateway.stored_snapshot import load_snapshot, save_snapshot

STORED = Snapshot(revision=7, epoch=2, providers={"p": Provider(name="p", dialect="openai", base_url="http://x")})


def test_what_was_saved_is_loaded_and_only_its_owner_may_read_it(tmp_path):
    save_snapshot(tmp_path / "gateway-1", STORED)
    assert load_snapshot(tmp_path / "gateway-1") == STORED
    assert (tmp_path / "gateway-1" / "snapshot.json").stat().st_mode & 0o777 == 0o600


def test_no_snapshot_is_none(tmp_path):
    assert load_snapshot(tmp_path) is None


def test_an_unreadable_snapshot_is_set_aside_not_deleted(tmp_path):
    (tmp_path / "snapshot.json").write_text('{"revision": 1, "epo')
    assert load_snapshot(tmp_path) is None
    assert (tmp_path / "snapshot.unreadable").exists()


def test_a_snapshot_of_another_format_is_set_aside(tmp_path):
    save_snapshot(tmp_path, Snapshot(format=99, revision=1, epoch=1))
    assert load_snapshot(tmp_path) is None
    assert (tmp_path / "snapshot.unreadable").exists()


def test_a_crash_while_saving_leaves_the_old_snapshot(tmp_path):
    save_snapshot(tmp_path, STORED)
    (tmp_path / "snapshot.json.new").write_text('{"revision": 8')
    assert load_snapshot(tmp_path) == STORED
