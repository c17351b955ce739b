"""The command line, in a process of its own or in the test's, where that is not what is tested: to start one takes seconds."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from pelcro_pipeline import cli


class Done(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def process(home: Path, *arguments: object) -> Done:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from pelcro_pipeline.cli import main; main()", *map(str, arguments)],
        env={name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
        | {"PELCRO_HOME": str(home), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def command(home: Path, *arguments: object) -> Done:
    """Run a command in this process. What is neither a refusal nor an exit is raised."""
    status = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as stdout,
        contextlib.redirect_stderr(io.StringIO()) as stderr,
    ):
        for name in [name for name in os.environ if name.startswith("DAGSTER")]:
            patch.delenv(name)
        patch.setenv("PELCRO_HOME", str(home))
        patch.setattr(sys, "argv", ["-c", *map(str, arguments)])
        patch.setattr(cli, "_out", Console(markup=False, width=80))
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
    return Done(status, stdout.getvalue(), stderr.getvalue())


def refused(done: Done, status: int) -> str:
    """The one sentence on standard error."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("pelcro-pipeline: ")
    return line
