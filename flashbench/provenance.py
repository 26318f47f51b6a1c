"""Where a result comes from: versions, code, command, inputs."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import flashbench
from flashbench.nanoaod import Source

_PACKAGE: Final = Path(flashbench.__file__).parent
_DECIDES_RESULTS: Final = (
    *("events.py", "nanoaod.py", "formats.py", "dumps.py", "derived.py", "engine.py"),
    *("simulators/**/*.py", "analysis/**/*.py"),
)
_RECORDED: Final = ("awkward", "numpy", "uproot", "vector", "hist", "scipy", "onnxruntime", "torch", "normflows")


@cache  # the code does not change while it runs
def code_fingerprint() -> str:
    """Version and hash of the sources that decide what a block gives."""
    digest = hashlib.sha256()
    for pattern in _DECIDES_RESULTS:
        for path in sorted(_PACKAGE.glob(pattern)):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{flashbench.__version__}+{digest.hexdigest()[:12]}"


def git_commit() -> str | None:
    """Commit of the checkout that flashbench runs from; None for an installed copy or without git."""
    command = ["git", "-C", str(_PACKAGE), "ls-files", "--error-unmatch", "__init__.py"]
    try:
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        head = subprocess.run(
            ["git", "-C", str(_PACKAGE), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip()


def describe() -> dict[str, Any]:
    """Command, code, versions and time, for a manifest."""
    return {
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": code_fingerprint(),
        "git_commit": git_commit(),
        "platform": platform.platform(),
        "versions": {"flashbench": flashbench.__version__, "python": platform.python_version()} | _versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return found


def describe_input(source: Source) -> dict[str, Any]:
    """Identity of an input file; the checksum of an address that is not local is None."""
    path = Path(source.path)
    local = "://" not in source.path
    digest = None
    if local:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "path": str(path.resolve()) if local else source.path,
        "uuid": source.uuid,
        "entries": source.entries,
        "nanoaod_version": source.version,
        "sha256": digest,
    }
