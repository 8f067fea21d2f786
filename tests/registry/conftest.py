"""Real storage for the registry's tests: SQLite files, folders, and PostgreSQL where its server is installed."""

import getpass
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate

START = datetime(2026, 9, 15, 12, tzinfo=UTC)


class Clock:
    """Every look at it is a second later."""

    def __init__(self):
        self.now = START

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path}/state.db")
    await migrate(opened, "state")
    yield opened
    await opened.close()


@pytest.fixture
def artifacts(tmp_path):
    return ArtifactStore(str(tmp_path / "artifacts"))


@pytest.fixture(scope="session")
def postgres_server():
    """Folder of the socket of a throw-away server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server binary in /usr/lib/postgresql")
    if importlib.util.find_spec("asyncpg") is None:
        pytest.skip("asyncpg is not installed")
    account = _account()
    binaries = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="tidegate-pg-"))
    try:
        if account != getpass.getuser():
            os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
        options = {"user": account, "capture_output": True, "cwd": folder, "timeout": 50}
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "tidegate", "-A", "trust", "--no-sync"],
            check=True,
            **options,
        )
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        control = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
        subprocess.run([*control, "-o", settings, "start"], check=True, **options)
        try:
            yield folder
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account():
    if os.geteuid() != 0:
        return getpass.getuser()
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("initdb refuses root, and there is no other account")


@pytest.fixture
def postgres_url(postgres_server):
    """A new database of its own."""
    name = f"t{uuid.uuid4().hex}"
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    command = [shutil.which("createdb") or binaries / "createdb", "-h", postgres_server, "-U", "tidegate", name]
    subprocess.run(command, check=True, capture_output=True)
    return f"postgresql://tidegate@/{name}?host={postgres_server}"


@pytest.fixture
async def observations_db(tmp_path):
    opened = Database(f"sqlite:///{tmp_path}/observations.db")
    await migrate(opened, "observations")
    yield opened
    await opened.close()
