"""The documentation: every block of code works as it stands, and the reference of the commands is theirs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tomllib
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from itertools import islice, takewhile
from pathlib import Path

import pytest
import typer
import uproot
from typer.testing import CliRunner

import flashbench.analysis
from flash.toy_detector import toy_events
from flashbench.analysis import find_observable
from flashbench.cli import app
from flashbench.nanoaod import write_events
from flashbench.training import refined
from flashbench.training.recipe import FlashRecipe
from samples import nanoaod_events

from .pages import CODE, DOCS, ROOT, blocks, pages

RUN = [  # in this order, in one folder
    *("tutorials/own-files.md", "tutorials/first-run.md", "tutorials/upsampling.md", "tutorials/systematics.md"),
    *("tutorials/train-a-flow.md", "refiner.md", "../README.md"),
    *("reference/files.md", "reference/entry-points.md", "reference/api.md"),
]
REDIRECTED = ("vbf_hmm", "dy2j", "ttbar", "t1tttt")  # processes that long blocks find in a small file
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
ELSEWHERE = {"tutorials/your-own-simulator.md": "tests/plugins/test_wheels.py"}
FEW = ("dimuon_mass", "ln_zstar")  # of the figures


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder with what a reader is supposed to have, two NanoAOD files; few figures, since they take the time."""
    write_events(tmp_path / "events.root", [nanoaod_events(500, seed=1)])
    write_events(tmp_path / "alternative.root", [nanoaod_events(500, seed=2, first_event=1001)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    few = tuple(find_observable(name) for name in FEW)
    monkeypatch.setattr(flashbench.analysis, "all_observables", lambda: few)
    monkeypatch.setattr("flashbench.compare.gallery.studies", lambda *given: ())
    monkeypatch.setattr("flashbench.validation.panorama_files.object_exhibits", lambda *given, **more: ())


@pytest.fixture
def small(reader, tiers, tmp_path):
    """A context in which long blocks are short: small files in place of samples, a step or two of training."""
    for name in ("fast", "full", "ttbar"):
        (tmp_path / name).mkdir()
    for path in tiers:
        shutil.copy(path, tmp_path / path.stem)
    write_events(tmp_path / "ttbar" / "toy.root", [toy_events(600, seed=3)])
    files = {tier: str(path) for tier, path in zip(("fast", "full"), tiers, strict=True)}
    text = "".join(f"[processes.{name}]\nlabel = '{name}'\nfiles = {{{_toml(files)}}}\n" for name in REDIRECTED)
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    opened, fitted = uproot.open, refined.fit

    @contextmanager
    def context():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLASHBENCH_CATALOGUE", str(tmp_path / "small.toml"))
            patch.setattr(uproot, "open", lambda path: opened(files["full"] if "://" in str(path) else path))
            patch.setattr("flashbench.training.recipe._STEPS", dict.fromkeys(FlashRecipe().steps, 1))
            patch.setattr(refined, "fit", lambda task, loop, *rest: fitted(task, replace(loop, epochs=1), *rest))
            patch.setattr("flashbench.training.monitor.serve", lambda folder, port, ready: ready("not opened"))
            patch.setattr("flashbench.validation.flash.together._EPOCHS", (1, 2))
            patch.setattr("webbrowser.open", lambda address: True)
            for package in ("flash", "refined"):
                module = import_module(f"flashbench.validation.{package}.page")
                patch.setattr(module, "figures", lambda result, of=module.figures: islice(of(result), 2))
            yield

    return context


def _toml(files):
    return ", ".join(f"{tier} = ['{path}']" for tier, path in files.items())


@pytest.mark.usefixtures("reader")
def test_the_blocks_of_the_pages_work(small):
    for page in RUN:
        names: dict[str, object] = {}
        for block in blocks(DOCS / page):
            if not (block.reason or block.ci):
                with small() if block.long else nullcontext():
                    _execute(block, names)


def _execute(block, names):
    if block.language == "bash":
        for line in block.text.splitlines():
            _call(line, block.where)
    elif block.language == "python":
        exec(compile(block.text, block.where, "exec"), names)  # the page's own code
    elif block.language == "toml":
        tomllib.loads(block.text)
        if block.title.endswith(".toml"):
            Path(block.title).write_text(block.text, encoding="utf-8")


def _call(line: str, where: str) -> None:
    words = shlex.split(line, comments=True)
    settings = dict(word.split("=", 1) for word in takewhile(lambda word: "=" in word, words))
    program, *arguments = words[len(settings) :]
    if program == "pip":
        assert set(_extras(arguments)) <= set(EXTRAS), f"{where}: {line}"
        return
    assert program == "flashbench", f"{where}: '{line}' needs a reason not to be run"
    done = CliRunner(env=settings).invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, f"{where}: {line}\n{done.output}"


def _extras(arguments):
    return re.findall(r"[\w-]+", "".join(re.findall(r"\[(.+)\]", " ".join(arguments))))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_that_is_not_run_says_why(page):
    name = os.path.relpath(page, DOCS)
    if name in RUN:
        return
    if name in ELSEWHERE:
        assert page.name in (ROOT / ELSEWHERE[name]).read_text(encoding="utf-8")
        return
    silent = [b.where for b in blocks(page) if b.language in CODE and not (b.reason or b.ci)]
    assert not silent, f"neither run nor marked with a reason: {', '.join(silent)}"


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    links += re.findall(r'<img src="([^"]+)"', text)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_reference_of_the_command_line_has_every_verb_with_the_options_of_its_help():
    hooks = _hooks()
    sections = re.split(r"^## (flashbench .+)$", hooks.command_line(), flags=re.MULTILINE)[1:]
    page = dict(zip(sections[::2], sections[1::2], strict=True))
    assert {"flashbench demo", "flashbench compare", "flashbench train flash", "flashbench samples make"} <= set(page)
    for verb, section in page.items():
        shown = CliRunner().invoke(app, [*verb.split()[1:], "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"}).output
        options = set(re.findall(r"^\W*(--[a-z][a-z0-9-]*)", shown, flags=re.MULTILINE)) - {"--help"}
        listed = set(re.findall(r"^\| `(--[a-z][a-z0-9-]*)`", section, flags=re.MULTILINE))
        assert listed == options, verb
        sentence = section.split(".")[0].split(":")[0].strip().replace("\n", " ")
        assert sentence.split("`")[0].strip() in " ".join(shown.split()), verb


def test_every_command_that_is_mentioned_has_the_verb_and_the_options():
    """Also those that are too long to run, in tables and in the examples of `--help`."""
    hooks = _hooks()
    text = "\n".join([*(page.read_text(encoding="utf-8") for page in pages()), hooks.command_line()])
    in_blocks = "".join(re.findall(r"^```bash\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^(?:[A-Z_]+=\S+ )?flashbench ([a-z].*)$", in_blocks, flags=re.MULTILINE)
    lines += re.findall(r"`(?:[A-Z_]+=\S+ )?flashbench ([a-z][^`\n]*)`", text)
    assert len(lines) > 60
    known = dict(hooks._commands("flashbench", typer.main.get_command(app)))
    for line in lines:
        words = line.partition(" #")[0].split()
        path = next((p for n in (2, 1) if (p := " ".join(["flashbench", *words[:n]])) in known), None)
        if path is None:  # a family: `flashbench train`, `samples make|list|show`
            assert any(verb.startswith(f"flashbench {words[0]} ") for verb in known), line
            continue
        options = {o for parameter in known[path].params for o in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= {*options, "--help"}, line


def _hooks():
    pytest.importorskip("mkdocs", reason="needs the docs extra")
    import importlib.util

    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
