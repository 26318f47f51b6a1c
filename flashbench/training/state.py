"""What a training is doing, in a file beside its history: for the live monitor and for grids.

`state.json` says queued, running, done or failed, and who runs it. A process that was killed cannot say so: `read`
reports a training whose process is gone as killed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flashbench.storage import write_json

FILE: Final = "state.json"
QUEUED, RUNNING, DONE, FAILED, KILLED = "queued", "running", "done", "failed", "killed"
STATES: Final = (QUEUED, RUNNING, DONE, FAILED, KILLED)


def owner() -> dict[str, Any]:
    """This process: host, number and start, which together nothing else has."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}


def alive(who: Mapping[str, Any]) -> bool:
    """Whether a process still runs; of another host it is taken to."""
    if who.get("host") != socket.gethostname():
        return True
    started = _started(int(who.get("pid", 0)))
    return started is not None and started == who.get("started")


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None where there is none. Zombies count as ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return _signalled(pid)
    return None if fields[0] == "Z" else fields[19]


def _signalled(pid: int) -> str | None:
    """Without /proc: whether there is a process of that number."""
    if Path("/proc/self/stat").exists() or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "unknown"
    return "unknown"


def write(folder: Path, state: str, facts: Mapping[str, Any]) -> None:
    """Write down the state of the training in `folder`.

    Args:
        folder: of its history; made if missing.
        state: one of `STATES`.
        facts: name, group, hyper-parameters, epochs in all: JSON values.
    """
    write_json(folder / FILE, {**facts, "state": state, "updated": time.time(), "owner": owner()})


@contextmanager
def running(folder: Path, facts: Mapping[str, Any]) -> Iterator[None]:
    """Say that a training runs, and afterwards that it is done, was interrupted, or failed and why."""
    write(folder, RUNNING, facts)
    try:
        yield
    except Exception as error:
        write(folder, FAILED, {**facts, "error": f"{type(error).__name__}: {error}"})
        raise
    except BaseException:  # Ctrl-C: it can go on
        write(folder, KILLED, facts)
        raise
    write(folder, DONE, facts)


def read(folder: Path) -> dict[str, Any] | None:
    """What `write` left, with state `killed` if the process is gone; None where there is nothing readable."""
    try:
        content: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if content.get("state") == RUNNING and not alive(content.get("owner", {})):
        content["state"] = KILLED
    return content
