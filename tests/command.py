"""The command: `call` runs it in this process, `type_in` in one of its own, exit code and all."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from flashbench.cli.main import main

COMMAND = Path(sys.executable).with_name("flashbench")


def type_in(folder, *arguments, **environment):
    """As a user does; starting costs seconds."""
    line, variables = [str(COMMAND), *map(str, arguments)], os.environ | _variables(folder, environment)
    return subprocess.run(line, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def call(folder, *arguments, **environment):
    """The same entry point with the same arguments, without starting a process."""
    line = [str(COMMAND), *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, _variables(folder, environment)),
        mock.patch.object(sys, "argv", line),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
    return subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue())


def refused(done, *words):
    assert done.returncode not in (0, -11), done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    return done


def assert_one_line(done, *words):
    refused(done, *words)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def _variables(folder, environment):
    return {"COLUMNS": "200", "FLASHBENCH_CACHE": str(folder / "cache"), **environment}
