import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tidegate
from tidegate.client import calls, surface

OPERATIONS = {
    name: call
    for subject in surface.SUBJECTS
    for name, call in vars(importlib.import_module(f"tidegate.client.calls.{subject}")).items()
    if inspect.isfunction(call) and call.__module__.startswith(calls.__name__) and not name.startswith("_")
}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_checked_in_client_is_what_would_be_written_now(mode):
    for path, source in surface.sources_of(mode).items():
        written, checked_in = ast.parse(source), ast.parse(path.read_text())
        assert ast.dump(written.body[-1]) == ast.dump(checked_in.body[-1]), "run python -m tidegate.client.surface"


def test_every_module_of_calls_becomes_part_of_the_clients():
    folder = Path(calls.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(surface.SUBJECTS)


def test_both_clients_have_every_operation_with_the_same_parameters():
    for name, call in OPERATIONS.items():
        for client in (tidegate.Client, tidegate.AsyncClient):
            method = getattr(client, name)
            parameters = list(inspect.signature(method).parameters.values())[1:]
            assert parameters == list(inspect.signature(call).parameters.values()), name
            assert inspect.getdoc(method) == inspect.getdoc(call)


def test_importing_the_package_loads_no_client_and_the_client_no_server():
    script = (
        "import sys, tidegate; assert 'tidegate.client' not in sys.modules; tidegate.Client;"
        "print([name for name in ('sqlalchemy', 'fastapi', 'pydantic', 'tidegate.controller') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
