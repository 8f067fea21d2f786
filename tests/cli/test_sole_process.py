import subprocess
import sys

from tidegate.cli.sole_process import Presence


def is_alone(database: str) -> bool:
    """Whether one that comes now, and leaves again, is."""
    presence = Presence(database)
    presence.close()
    return presence.is_alone


def test_the_first_is_alone_the_second_is_not_and_a_dead_one_does_not_count(tmp_path):
    database = f"sqlite:///{tmp_path}/tidegate.db"
    first = Presence(database)
    second = Presence(database)
    assert (first.is_alone, second.is_alone) == (True, False)
    first.close()
    assert not is_alone(database)  # the second lives
    second.close()
    assert is_alone(database)


def test_a_killed_process_leaves_nothing_behind(tmp_path):
    database = f"sqlite:///{tmp_path}/tidegate.db"
    script = f"from tidegate.cli.sole_process import Presence; p = Presence({database!r}); print(p.is_alone, flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"True\n"
    assert not is_alone(database)
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert is_alone(database)


def test_a_database_that_other_machines_reach_is_never_ones_own(tmp_path):
    assert not Presence("postgresql://tidegate@db/tidegate").is_alone
