"""Objects of a comparison: every figure by name, and none drawn or read again where nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from figure_names import OF_OBJECTS
from flashbench import engine
from flashbench.catalogue import Process
from flashbench.events import Tier
from flashbench.simulators import make, parse_run_name
from flashbench.validation import panorama_files
from flashbench.validation.panorama import objects_of
from flashbench.validation.panorama_files import object_exhibits
from flashbench.workflow import Settings, compare_processes


@pytest.fixture(scope="module")
def compared(nanoaod_file, tmp_path_factory):
    """A comparison of full and gen on a small file, made twice: the second time nothing may be read."""
    import flashbench.analysis

    out = tmp_path_factory.mktemp("compared")
    process = Process("small", "Small & <b>bold</b>", files={Tier.FULL: (str(nanoaod_file),)})
    names = [parse_run_name(name) for name in ("full", "gen")]
    settings = Settings(runs=out / "runs", dnn=None)
    few = tuple(o for o in flashbench.analysis.OBSERVABLES if o.name == "jet1_pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flashbench.analysis, "all_observables", lambda: few)
        first = compare_processes([process], names, settings, out / "page")
        patch.setattr(engine, "load_block", lambda *_: pytest.fail("events are read again"))
        patch.setattr("flashbench.validation.panorama.load_block", lambda *_: pytest.fail("objects are read again"))
        patch.setattr(panorama_files, "save_figures", lambda *_, **__: pytest.fail("objects are drawn again"))
        second = compare_processes([process], names, settings, out / "page")
    return first, second


def test_every_figure_of_objects_is_there_and_shows_something(compared):
    found = {each.caption.kind: each for each in compared[0].exhibits if each.caption.group == "objects"}
    assert set(found) == OF_OBJECTS
    page = compared[0].report.read_text(encoding="utf-8")
    for each in found.values():
        assert f'<figure id="{each.caption.name}"' in page
        with Image.open(each.png) as image:
            pixels = np.asarray(image.convert("L"))
        assert (pixels < 200).mean() > 0.005, each.caption.name
        assert each.pdf.read_bytes().startswith(b"%PDF")


def test_a_second_comparison_reads_and_draws_no_object_again(compared):
    first, second = compared
    kinds = [[each.caption for each in made.exhibits if each.caption.group == "objects"] for made in compared]
    assert kinds[0] == kinds[1]
    assert [record.value for record in first.metrics] == [record.value for record in second.metrics]


def test_other_events_are_drawn_anew(compared, nanoaod_file):
    runs = sorted(compared[0].runs, key=lambda run: run.simulator != "full")
    simulators = {run.simulator: make(parse_run_name(run.simulator)) for run in runs}
    asked = []

    def files(tier):
        asked.append(tier)
        return [str(nanoaod_file)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panorama_files, "save_figures", lambda *_, **__: ())
        object_exhibits(runs, simulators, files, compared[0].out, events=100)
    assert set(asked) == {Tier.FULL, Tier.GEN}


def test_simulators_see_the_same_events_and_full_is_what_the_file_holds(nanoaod_file):
    simulators = {name: make(parse_run_name(name)) for name in ("full", "gen")}
    files = {Tier.FULL: [str(nanoaod_file)], Tier.GEN: [str(nanoaod_file)]}
    full, gen = objects_of("small", simulators, files, events=300)
    np.testing.assert_array_equal(full.objects.keys, gen.objects.keys)
    assert full.objects.n_events == 300
    ratio = gen.objects.tables["jets"]["pt"] / gen.objects.tables["jets"]["gen_pt"]
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], 1, rtol=1e-6)
    assert "Jet_btagDeepFlavB" in full.branches - gen.branches
