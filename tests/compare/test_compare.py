"""A comparison writes its files whole, and its page and tables hold whatever a label says."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from rich.console import Console

import flashbench.analysis
from flashbench.compare import compare, comparison_table, cutflow_table
from flashbench.compare.numbers import sigmas, with_error
from flashbench.errors import RunError

from .conftest import make_run

WILD = '<script>alert("x")</script> & $x_ [bold red]日本 Ωμ ' + "very long name " * 11
FILES = {"report.html", "metrics.json", "histograms.json", "plots"}


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """A comparison with hostile labels, three simulators, folds, negative weights, and a process without events."""
    runs = [
        make_run("gen", events=300, label=WILD, negative=0.1),
        make_run("full", events=300, label=WILD, negative=0.1),
        make_run("mine@2", events=300, folds=2, label=WILD, negative=0.1, simulator_label=WILD),
        make_run("full", events=50, process="empty", efficiency=0),
        make_run("gen", events=50, process="empty", efficiency=0),
    ]
    seen: list[tuple[int, int]] = []
    few = tuple(o for o in flashbench.analysis.OBSERVABLES if o.name in ("dimuon_mass", "pt_balance", "ln_zstar"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flashbench.analysis, "all_observables", lambda: few)
        out = tmp_path_factory.mktemp("wild")
        comparison = compare(runs, out, progress=lambda *step: seen.append(step))
    return comparison, seen


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.alts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.sources.append(values["src"])
            self.alts.append(values["alt"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def text_of(table) -> str:
    console = Console(width=2000, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_all_files_are_written_and_nothing_temporary_stays(wild):
    comparison, seen = wild
    assert {path.name for path in comparison.out.iterdir()} == FILES
    names = sorted(path.name for path in (comparison.out / "plots").iterdir())
    shown = (*comparison.pictures, *comparison.exhibits)
    assert names == sorted(p.name for each in shown for p in (each.png, each.pdf))
    assert all((comparison.out / "plots" / name).stat().st_size > 3000 for name in names)
    assert seen == [(i + 1, len(shown)) for i in range(len(shown))]
    records = json.loads((comparison.out / "metrics.json").read_text())["records"]
    assert len(records) == len(comparison.metrics)


def test_page_is_well_formed_with_labels_intact_and_no_script_but_its_own(wild):
    comparison, _ = wild
    text = comparison.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert WILD in page.words
    assert not page.tags & {"iframe", "link", "bold"}
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    allowed = re.search(r"script-src '(sha256-[^']+)'", text)
    assert [f"sha256-{b64encode(sha256(each.encode()).digest()).decode()}" for each in scripts] == [allowed[1]]
    assert not re.search(r"<[^>]* on[a-z]+=", text)


def test_page_fetches_nothing_and_its_links_lead_somewhere(wild):
    comparison, _ = wild
    page = Page(comparison.report.read_text(encoding="utf-8"))
    figures = [source for source in page.sources if source.startswith("data:image/png;base64,")]
    assert len(figures) == len(comparison.pictures) + len(comparison.exhibits)
    assert all(source.startswith("data:image/") for source in page.sources)
    assert sum(not alt for alt in page.alts) == 1  # what the zoom has not yet shown
    assert len(page.ids) == len(set(page.ids))
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    outside = {link for link in page.links if not link.startswith("#")}
    assert all((comparison.out / link).is_file() for link in outside)
    assert not re.search(r"url\(|@import|https?://", comparison.report.read_text(encoding="utf-8"))


def test_verdicts_come_first_and_say_when_nothing_was_selected(wild):
    comparison, _ = wild
    page = Page(comparison.report.read_text(encoding="utf-8"))
    assert page.words.index("Verdict") < page.words.index("Cutflow") < page.words.index("Metrics")
    assert [v.word for v in comparison.verdicts if v.process == "empty"] == ["no events"]
    assert comparison.references == {"vbf_hmm": "full", "empty": "full"}


def test_terminal_tables_show_labels_as_they_are(wild):
    comparison, _ = wild
    runs = [run for run in comparison.runs if run.process == "vbf_hmm"]
    assert "[bold red]" in text_of(cutflow_table(runs))
    assert "100.00%" in text_of(cutflow_table(runs))
    told = text_of(comparison_table(comparison))
    assert "no events" in told
    assert "mine@2" in told


def test_page_and_terminal_set_distances_beside_chance(wild):
    comparison, _ = wild
    words = " ".join(Page(comparison.report.read_text(encoding="utf-8")).words.split())
    record = next(r for r in comparison.metrics if r.metric == "wasserstein" and r.null is not None)
    assert (
        f"by chance {with_error(record.null, record.null_spread)}, {sigmas(record.significance)[:2]}"
        in words.replace("≥ ", "")
    )
    told = text_of(comparison_table(comparison))
    assert "W₁ > null" in told
    assert "by chance, " in told
    assert {v.compared for v in comparison.verdicts if v.process == "empty"} == {0}


def test_one_run_has_a_cutflow_table_too():
    assert "selected" in text_of(cutflow_table([make_run("full")]))


def test_a_refused_comparison_writes_nothing(tmp_path):
    with pytest.raises(RunError, match="differ in events"):
        compare([make_run("full"), make_run("gen", events=300)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_processes_measured_beside_each_other_give_the_same_numbers():
    from flashbench.compare.pairing import pair_runs
    from flashbench.compare.processing import measure_processes

    runs = [make_run(name, events=200, process=process) for process in ("a", "b") for name in ("full", "gen")]
    processes, observables = pair_runs(runs), [[flashbench.analysis.find_observable("jet1_pt")]] * 2
    one, two = (list(measure_processes(processes, observables, workers)) for workers in (1, 2))
    assert [each.records for each in one] == [each.records for each in two]
    assert [each.histograms for each in one] == [each.histograms for each in two]
    assert [drawing.name for each in two for drawing in each.drawings] == [
        f"{process}-{region}-jet1_pt" for process in ("a", "b") for region in ("all", "PreSel")
    ]
