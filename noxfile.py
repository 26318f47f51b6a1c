"""`nox` runs every check; `nox -s tests` one of them. With `--no-venv` they use the environment that nox is in."""

import sys
from pathlib import Path

import nox

nox.options.sessions = ["style", "imports", "types", "docs", "tests"]
nox.options.default_venv_backend = "venv"


def run(session: nox.Session, tool: str, *arguments: str) -> None:
    """A tool of the session's own environment, or of the one that nox is in."""
    if session.virtualenv.is_sandboxed:
        session.run(tool, *arguments)
    else:
        session.run(str(Path(sys.executable).with_name(tool)), *arguments, external=True)


def install(session: nox.Session) -> None:
    """The project with its tests, at the pinned versions, unless the environment is given."""
    if session.virtualenv.is_sandboxed:
        session.install("-c", "constraints.txt", "-e", ".[train,production,test,docs]")


@nox.session
def style(session: nox.Session) -> None:
    """Ruff: lint and format."""
    install(session)
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")


@nox.session
def imports(session: nox.Session) -> None:
    """Imports go one way."""
    install(session)
    run(session, "lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    install(session)
    run(session, "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, strictly: every page, link and reference is there. Its code is run by the tests."""
    install(session)
    run(session, "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(Path(session.create_tmp()) / "site"))


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on two processes, a file in one of them, the longest first (tests/conftest.py).

    Arguments after `--` go to pytest in place of that.
    """
    install(session)
    run(session, "pytest", *(session.posargs or ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")))
