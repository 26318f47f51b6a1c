"""The page in headless Chromium, its figures by name, and what stands in its first table."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

import flashbench.analysis
from figure_names import OF_BOTH, OF_PROCESS, shows_something
from flashbench.analysis import find_observable
from flashbench.compare import Roles, compare
from flashbench.compare.appendix import find_appendices
from flashbench.compare.embedding import inline
from flashbench.compare.report import GROUPS
from flashbench.compare.speed import speed_of, speed_up
from flashbench.errors import InputError, RunError

from .conftest import make_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 600_000  # ms; a busy machine is not a fault of the page
STANDARD = (
    "dimuon_mass", "muon1_isolation", "jet1_pt", "jet2_pt", "pt_balance", "ln_zstar", "ln_zstar_wide", "dnn_atanh",
    "dnn_noqgl_atanh",
)  # fmt: skip
PB = {"vbf_hmm": 8e-3, "dy2j": 0.6}
TIMINGS = {"read": 1.0, "simulate": 2.0, "analyse": 1.0}


def timed(run, reads, *inputs):
    """The run with the manifest that an engine would have written."""
    command = ["/usr/bin/flashbench", "run", "--sim", run.simulator]
    facts = {"timings": TIMINGS, "reads": reads, "command": command, "cross_section_pb": PB[run.process]}
    files = [{"path": str(path), "uuid": "u", "sha256": "0" * 64} for path in inputs] or run.manifest["inputs"]
    return replace(run, manifest={**run.manifest, **facts, "inputs": files})


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Three simulators of a signal and a background, the second with a shifted answer."""
    out = tmp_path_factory.mktemp("report")
    sample = out / "sample.root"
    record = {"events": 100, "seconds": {"generation": 1.0, "reconstruction": 2.0}}
    sample.with_suffix(".json").write_text(json.dumps(record), encoding="utf-8")
    runs = []
    for process, label, events in (("vbf_hmm", "VBF H → μμ", 3000), ("dy2j", "<b>Drell–Yan</b>", 2400)):
        runs += [
            timed(make_run("full", process=process, label=label, events=events), "full", sample),
            timed(make_run("gen", process=process, label=label, events=events, shift=0.06), "gen"),
            timed(make_run("mine", process=process, label=label, events=events), "gen"),
        ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flashbench.analysis, "all_observables", lambda: tuple(map(find_observable, STANDARD)))
        return compare(runs, out / "comparison", roles=Roles("vbf_hmm", ("dy2j",)))


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser to look with")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=[1280, 400])
def page(browser, comparison, request):
    """The page at two widths; at the end it has complained of nothing and asked for nothing."""
    opened = browser.new_page(viewport={"width": request.param, "height": 900})
    opened.set_default_timeout(PATIENCE)
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda each: asked.append(each.url))
    address = comparison.report.as_uri()
    opened.goto(address)
    yield opened
    opened.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_every_link_of_the_navigation_leads_to_a_section_in_view(page):
    links = page.eval_on_selector_all("nav a", "all => all.map(a => a.getAttribute('href'))")
    assert {"#verdict", "#process-vbf_hmm", "#separation", "#fit", "#timing", "#provenance"} <= set(links)
    for link in links:
        page.evaluate("link => { location.hash = link; }", link)
        page.wait_for_function(
            "link => { const top = document.getElementById(link.slice(1)).getBoundingClientRect().top;"
            " return top > -5 && top < innerHeight; }",
            arg=link,
        )


def test_no_part_of_the_page_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_click_on_a_head_sorts_the_table_by_numbers(page):
    table = "#region-dy2j-PreSel table"
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    names = "rows => rows.map(row => parseFloat(row.cells[3].dataset.sort))"
    page.locator(f"{table} thead button", has_text="W₁").click()
    ascending = page.eval_on_selector_all(f"{table} tbody tr", names)
    page.locator(f"{table} thead button", has_text="W₁").click()
    descending = page.eval_on_selector_all(f"{table} tbody tr", names)
    assert ascending == sorted(ascending)
    assert descending == sorted(ascending, reverse=True) != ascending
    assert page.locator(f"{table} th[aria-sort='descending']").count() == 1


def test_words_and_choices_filter_figures_and_an_anchor_brings_them_back(page):
    figures = page.locator("figure")
    visible = "all => all.filter(f => !f.hidden).map(f => f.id)"
    page.fill("#words", "pt_balance SR dy2j")
    assert page.eval_on_selector_all("figure", visible) == ["dy2j-SR-pt_balance", *_both("SR_pt_balance")]
    assert page.inner_text("#shown") == f"2 of {figures.count()} figures"
    page.select_option("select[data-key='group']", "observables")
    assert page.eval_on_selector_all("figure", visible) == ["dy2j-SR-pt_balance"]
    page.evaluate("location.hash = '#vbf_hmm-SR-dnn_atanh'")
    page.wait_for_selector("#vbf_hmm-SR-dnn_atanh", state="visible")
    assert page.input_value("#words") == ""
    assert page.locator("figure:not([hidden])").count() == figures.count()


def _both(name):
    return [f"separation-vbf_hmm_dy2j_{name}"]


def test_a_figure_opens_over_the_page_and_leads_to_the_next(page):
    page.locator("#vbf_hmm-SR-dnn_atanh button.open").click()
    first = page.get_attribute("#zoom img", "alt")
    assert "dnn_atanh" in first
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#zoom img", "alt") != first
    page.keyboard.press("Escape")
    page.wait_for_selector("#zoom", state="hidden")


def test_the_button_turns_light_into_dark(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != before


def test_labels_stay_text_and_text_stands_out_from_the_page(page):
    assert "<b>Drell–Yan</b>" in page.inner_text("#verdicts")
    for _ in range(2):
        ratios = page.evaluate(CONTRAST)
        assert min(ratios.values()) >= 4.5, ratios
        page.click("#theme")


CONTRAST = """() => {
  const part = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
  const page = light(getComputedStyle(document.body).backgroundColor);
  const found = {};
  for (const name of ['.soft', 'a', 'td', '.agrees', '.differs', '.reference', 'figcaption', 'caption', 'output']) {
    const each = document.querySelector(name);
    if (!each) continue;
    const own = light(getComputedStyle(each).color);
    found[name] = (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
  }
  return found;
}"""


def test_every_figure_of_the_list_is_there_and_shows_something(comparison):
    names = [f"{process}-{name}" for process in ("vbf_hmm", "dy2j") for name in OF_PROCESS]
    names += [each for name in OF_BOTH for each in _both(name)]
    names += ["separation-roc_vbf_hmm_dy2j"]
    pages = comparison.report.read_text(encoding="utf-8")
    assert set(names) <= set(re.findall(r'<figure id="([^"]+)"', pages))
    for name in names:
        shows_something(comparison.out / "plots" / f"{name}.png")
    assert "No selected events" not in pages


def test_the_fit_of_a_comparison_is_in_the_first_table_and_is_not_done_twice(comparison):
    words = comparison.report.read_text(encoding="utf-8")
    assert set(comparison.fitted.simulators) == {"full", "gen", "mine"}
    assert comparison.fitted.simulators["full"]["bias"] == 0
    assert "not fitted" not in words
    assert f"{comparison.fitted.simulators['gen']['significance']:.3f}" in words
    assert [each.schema for each in comparison.appendices] == ["fit"]
    assert "fit-strength" in words


def test_a_fit_of_the_same_runs_is_taken_over(comparison, monkeypatch):
    from flashbench.compare import fit as fits
    from flashbench.compare.strength import fit_comparison

    monkeypatch.setattr(fits, "fit", lambda *_, **__: pytest.fail("fitted again"))
    again = fit_comparison(comparison.runs, Roles("vbf_hmm", ("dy2j",)), comparison.references, comparison.out)
    assert again.simulators.keys() == comparison.fitted.simulators.keys()


@pytest.mark.parametrize(
    ("roles", "told"), [(Roles(), "compare a signal too"), (Roles("vbf_hmm"), "compare a background too")]
)
def test_a_comparison_that_cannot_be_fitted_says_what_to_do(comparison, tmp_path, roles, told):
    from flashbench.compare.strength import fit_comparison

    assert told in fit_comparison(comparison.runs, roles, comparison.references, tmp_path).reason


def test_runs_without_scores_or_cross_section_are_not_fitted(comparison, tmp_path):
    from flashbench.compare.strength import fit_comparison

    roles, references = Roles("vbf_hmm", ("dy2j",)), comparison.references
    bare = [replace(r, table={k: v for k, v in r.table.items() if "dnn" not in k}) for r in comparison.runs]
    assert "--dnn" in fit_comparison(bare, roles, references, tmp_path).reason
    unknown = [replace(r, manifest={}) for r in comparison.runs]
    assert "cross_section" in fit_comparison(unknown, roles, references, tmp_path).reason


def test_speed_counts_reconstruction_in_the_sample_and_simulation_in_the_run(comparison):
    runs = {run.simulator: run for run in comparison.runs if run.process == "vbf_hmm"}
    full, mine = speed_of(runs["full"]), speed_of(runs["mine"])
    np.testing.assert_allclose(full.rate, 1 / (2.0 / 100 + 2.0 / 3000))
    np.testing.assert_allclose(mine.rate, 3000 / 2.0)
    np.testing.assert_allclose(speed_up(mine, full), mine.rate / full.rate)
    unknown = speed_of(timed(runs["full"], "full", "elsewhere.root"))
    assert unknown.rate is None
    assert speed_up(mine, unknown) is None


def test_a_damaged_record_of_a_sample_is_an_error(comparison, tmp_path):
    (tmp_path / "shard.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="not the record of a sample"):
        speed_of(timed(comparison.runs[0], "full", tmp_path / "shard.root"))


def test_a_folder_without_a_study_is_not_included(tmp_path):
    with pytest.raises(InputError, match="holds no study"):
        find_appendices(tmp_path / "out", [tmp_path])
    (tmp_path / "fit.json").write_text('{"schema": "flashbench.fit"}', encoding="utf-8")
    with pytest.raises(InputError, match="not the document of a study"):
        find_appendices(tmp_path / "out", [tmp_path])


def test_pictures_beyond_the_budget_are_made_smaller(comparison):
    paths = [picture.png for picture in comparison.pictures[:4]]
    whole = inline(paths)
    budget = sum(len(each.data) for each in whole) // 2
    small = inline(paths, budget)
    assert sum(len(each.data) for each in small) <= 1.1 * budget
    assert [each.width for each in small] == [each.width for each in whole]


def test_groups_of_the_page_are_those_that_figures_name(comparison):
    assert {exhibit.caption.group for exhibit in comparison.exhibits} <= set(GROUPS)
