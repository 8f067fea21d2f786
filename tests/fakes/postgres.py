"""A throw-away PostgreSQL server, where its binaries are installed; a conftest imports the fixtures it needs."""

import getpass
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest


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
