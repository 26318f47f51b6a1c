"""`nox` runs every check; `nox -s tests` one of them. With `--no-venv` they use the environment at hand."""

import nox

nox.options.sessions = ["style", "imports", "types", "tests"]
nox.options.default_venv_backend = "venv"


def install(session: nox.Session) -> None:
    """The project with its tests, at the pinned versions, unless the environment is given."""
    if session.virtualenv.is_sandboxed:
        session.install("-c", "constraints.txt", "-e", ".[flash,production,test]")


@nox.session
def style(session: nox.Session) -> None:
    """Ruff: lint and format."""
    install(session)
    session.run("ruff", "check", ".", external=True)
    session.run("ruff", "format", "--check", ".", external=True)


@nox.session
def imports(session: nox.Session) -> None:
    """Imports go one way."""
    install(session)
    session.run("lint-imports", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    install(session)
    session.run("mypy", external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on two processes; arguments after `--` go to pytest in place of that."""
    install(session)
    session.run("pytest", *(session.posargs or ("-n", "2")), external=True)
