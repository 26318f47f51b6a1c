"""Figures: one look per simulator, honest annotations, nothing left open."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from flashbench.analysis import OBSERVABLES, find_observable
from flashbench.compare.histograms import fill
from flashbench.compare.pairing import pair_runs
from flashbench.compare.plots import draw, drawing_of, save_all
from flashbench.compare.plots.style import BUILT_IN, applied, looks

from .conftest import make_run


def drawings_of(*runs, names=("dimuon_mass",)):
    observables = [find_observable(name) for name in names]
    overlays, _ = fill(pair_runs(runs)[0], observables, 50)
    return [drawing_of(overlay) for overlay in overlays]


def texts(drawing) -> list[str]:
    with applied():
        figure = draw(drawing)
        figure.canvas.draw()
        main, ratio = figure.axes
        legend = [text.get_text() for text in main.get_legend().get_texts()]
        labels = [main.get_ylabel(), ratio.get_ylabel(), ratio.get_xlabel()]
        return legend + labels + [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_simulator_looks_the_same_in_any_company():
    alone, together = looks(["gen", "theirs"]), looks(["flash@25", "gen", "theirs", "refined"])
    assert alone["gen"] == together["gen"] == BUILT_IN["gen"]
    assert alone["theirs"] == together["theirs"]
    assert together["flash@25"] == BUILT_IN["flash"]


def test_no_two_simulators_look_the_same():
    names = ["gen", "full", "fast", "flash", "flash@5", "a", "b", "c", "d"]
    chosen = list(looks(names).values())
    assert len({look.colour for look in chosen}) == len({look.marker for look in chosen}) == len(names)


def test_axes_have_units_and_the_ratio_names_the_reference():
    drawing = drawings_of(make_run("full"), make_run("gen"))[0]
    told = texts(drawing)
    assert r"$m_{\mu\mu}$ [GeV]" in told
    assert "Fraction of events / 1 GeV" in told
    assert "Ratio to full" in told
    assert not any("CMS" in text for text in told)


def test_legend_tells_entries_and_what_lies_outside():
    runs = make_run("full"), make_run("gen", shift=0.5)
    drawing = drawings_of(*runs)[0]
    entries = np.isfinite(runs[1].table["dimuon_mass"]).sum()
    above = np.nanmean(runs[1].table["dimuon_mass"] > 150)
    values = runs[1].table["dimuon_mass"]
    above = np.count_nonzero(values >= 150) / entries
    assert any(text == f"gen\n{entries} events, {above:.1%} above" for text in texts(drawing))


def test_a_figure_without_events_says_so():
    drawing = drawings_of(make_run("full", efficiency=0), make_run("gen", efficiency=0))[0]
    assert "No selected events" in texts(drawing)


def test_curves_are_fractions_of_generated_events_with_paired_errors():
    full, gen = make_run("full"), make_run("gen", smear=0.001)
    drawing = drawings_of(full, gen)[1]
    reference, other = drawing.curves
    inside = np.count_nonzero((full.table["region"] > 0) & (np.abs(full.table["dimuon_mass"] - 110) < 40))
    np.testing.assert_allclose(reference.values.sum(), inside / 400)
    known = np.isfinite(other.ratio_errors)
    with np.errstate(invalid="ignore"):
        naive = other.ratio * np.hypot(other.errors / other.values, reference.errors / reference.values)
    assert np.median(other.ratio_errors[known] / naive[known]) < 1


def test_dollar_signs_in_labels_are_letters(tmp_path):
    runs = make_run("full", label="$ $x_{ % \\alpha"), make_run("gen", simulator_label="cost $5_$ ^")
    (picture, *_) = save_all(drawings_of(*runs), tmp_path)
    assert picture.png.stat().st_size > 3000


def test_saving_leaves_no_figure_open_and_is_reproducible(tmp_path):
    drawings = drawings_of(make_run("full"), make_run("gen"), names=("pt_balance",))
    hashes = []
    for name in ("a", "b"):
        pictures = save_all(drawings, tmp_path / name)
        hashes.append([hashlib.sha256(path.read_bytes()).digest() for p in pictures for path in (p.png, p.pdf)])
    assert hashes[0] == hashes[1]
    assert plt.get_fignums() == []
    with Image.open(pictures[0].png) as image:
        assert image.size == (700, 700)
    pdf = pictures[0].pdf.read_bytes()
    fonts = pdf.count(b"/Type /Font ") + pdf.count(b"/Type /Font\n")
    assert 0 < fonts == pdf.count(b"/CharProcs")  # every font carries its glyphs


@pytest.mark.parametrize("worker_count", [1, 2])
def test_a_file_for_every_observable_and_region(tmp_path, worker_count):
    names = ("dimuon_mass", "dimuon_pt", "pt_balance")
    pictures = save_all(drawings_of(make_run("full"), make_run("gen"), names=names), tmp_path, workers=worker_count)
    expected = {f"vbf_hmm-{region}-{name}" for name in names for region in find_observable(name).regions}
    assert {path.stem for path in tmp_path.iterdir()} == expected
    assert {p.png.stem for p in pictures} == expected


def test_every_observable_of_the_analysis_can_be_drawn():
    drawings = drawings_of(make_run("full"), make_run("gen"), names=[o.name for o in OBSERVABLES])
    with applied():
        for drawing in drawings:
            draw(drawing).clear()
    assert len({drawing.name for drawing in drawings}) == len(drawings)
