import asyncio
import os
import sys

import psutil
import pytest

from tidegate.controller.programs import ProgramSettings, run_program, split_command
from tidegate.errors import InvalidInputError

ON = ProgramSettings(is_enabled=True, environment={"PATH": os.defpath})


def python(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


async def run(command, fields=None, settings=ON, seconds=20.0, **more):
    return await run_program(command, fields or {}, settings, timeout_seconds=seconds, variables={}, **more)


async def test_output_complaints_and_code_are_kept():
    done = await run(python("import sys; print(1); print(2, file=sys.stderr); sys.exit(3)"))
    assert (done.code, done.output, done.complaints) == (3, "1\n", "2\n")


async def test_a_value_never_becomes_two_words_and_no_shell_reads_it():
    done = await run(f"{python('import sys; print(sys.argv[1:])')} --v={{version}}", {"version": "a b; rm -rf $HOME"})
    assert done.output.strip() == "['--v=a b; rm -rf $HOME']"


async def test_it_sees_the_given_environment_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OUR_SECRET", "hidden")
    done = await run_program(
        python("import os; print(sorted(os.environ))"), {}, ON, timeout_seconds=20, variables={"TIDEGATE_GATE": "1"}
    )
    assert "OUR_SECRET" not in done.output
    assert "TIDEGATE_GATE" in done.output


async def test_what_it_is_given_stands_on_its_standard_input():
    assert (await run(python("print(input())"), given=b"hello\n")).output == "hello\n"


async def test_a_program_that_does_not_read_is_no_error():
    assert (await run(python("pass"), given=b"x" * 1_000_000)).code == 0


async def test_only_the_end_of_much_output_is_kept():
    done = await run(python("print('x' * 300000); print('the end')"))
    assert len(done.output) <= 1 << 16
    assert done.output.endswith("the end\n")


async def test_time_up_ends_it_with_everything_it_started(tmp_path):
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open('{child}', 'w').write(str(p.pid)); time.sleep(600)"
    )
    running = asyncio.create_task(run(python(code), seconds=600))
    async with asyncio.timeout(120):
        while not (child.exists() and child.read_text()):
            await asyncio.sleep(0.01)
    running.cancel()  # as when an abort comes
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(120):
        while not is_gone(child.read_text()):
            await asyncio.sleep(0.01)
    done = await run(python("import time; time.sleep(600)"), seconds=0.2)
    assert done.code is None


def is_gone(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_where_programs_are_not_enabled_none_runs():
    with pytest.raises(InvalidInputError, match="runs no programs"):
        await run("true", settings=ProgramSettings())


@pytest.mark.parametrize(("command", "sentence"), [("'open", "cannot be taken apart"), ("", "empty")])
def test_a_command_that_is_none_is_refused(command, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        split_command(command)
