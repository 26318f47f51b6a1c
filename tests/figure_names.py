"""Every figure that the papers show, by the name that it has in a report; physics.md §4 is the list."""

import numpy as np
from PIL import Image

OF_PROCESS = (
    "all-dimuon_mass", "PreSel-dimuon_mass", "PreSel-muon1_isolation", "all-jet1_pt", "PreSel-jet1_pt", "all-jet2_pt",
    "PreSel-jet2_pt", "SR-pt_balance", "PreSel-pt_balance", "PreSel-ln_zstar", "PreSel-ln_zstar_wide", "SR-dnn_atanh",
    "PreSel-dnn_noqgl_atanh", "selection-cutflow", "selection-migration", "together-correlations",
    "together-jet1_pt_jet2_pt", "together-dijet_mass_dijet_eta_gap", "together-dimuon_pt_pt_balance",
    "together-dijet_mass_dnn_noqgl_atanh",
)  # fmt: skip
OF_BOTH = (
    "PreSel_pt_balance", "SR_pt_balance", "PreSel_ln_zstar", "PreSel_dijet_mass", "SR_dnn_atanh",
    "PreSel_dnn_noqgl_atanh",
)  # fmt: skip
OF_OBJECTS = {
    "jet_pt_ratio", "jet_mass_ratio", "nConstituents", "jet_number", "btagDeepFlavB_b", "btagDeepFlavB_udsg",
    "qgl_quark", "muon_pt_ratio", "muon_pfRelIso04_all_prompt", "muon_dxyErr_prompt", "jet_response_mean",
    "jet_response_rms", "muon_response_mean", "muon_response_rms", "jet_efficiency_by_pt", "muon_efficiency_by_pt",
    "jet_fakes_by_eta", "roc-btagDeepFlavB_light", "roc-btagDeepB_light", "contours-taggers", "contours-tagger_charm",
    "contours-qgl_constituents", "contours-pt_mass", "contours-gen_pt_pt", "contours-impact", "correlations",
}  # fmt: skip
OF_STUDIES = {
    "upsampling": ("SR-dnn_atanh-folds", "PreSel-ln_zstar-folds"),
    "event": ("SR-dnn_atanh-event", "SR-ln_zstar-event"),
    "systematics": ("SR-dnn_atanh-variation",),
}


def shows_something(png):
    """A figure that is not empty, whose vector form carries its fonts."""
    with Image.open(png) as image:
        pixels = np.asarray(image.convert("L"))
    rows, columns = (slice(side // 6, -side // 5) for side in pixels.shape)
    assert (pixels[rows, columns] < 200).mean() > 0.002, png
    pdf = png.with_suffix(".pdf").read_bytes()
    fonts = pdf.count(b"/Type /Font ") + pdf.count(b"/Type /Font\n")
    assert 0 < fonts == pdf.count(b"/CharProcs"), png  # every font carries its glyphs
