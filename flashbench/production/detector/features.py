"""Which features each network reads, in order; shared by training and use."""

from __future__ import annotations

_JET = ("pt", "eta")
_TRACKS = tuple(f"sip3d_{k}" for k in range(1, 5)) + tuple(f"sip2d_{k}" for k in range(1, 5))
_VERTEX = ("n_tracks", "n_displaced", "sv_mass", "sv_flight", "sv_spread", "sv_share")
_LEPTONS = ("mu_pt_rel", "mu_sip3d", "muEF", "chEmEF")
_SHAPES = ("multiplicity", "ptD", "axis1", "axis2", "ring1", "ring2", "nCharged", "chHEF", "neEmEF")

FEATURES = {
    "csvv2": (*_JET, "sip3d_1", "sip3d_2", "sip3d_3", "n_tracks", "n_displaced", "sv_mass", "sv_flight"),
    "cmva": (*_JET, *_TRACKS[:4], *_VERTEX, *_LEPTONS),
    "deepcsv": (*_JET, *_TRACKS[:4], *_VERTEX),
    "deepjet": (*_JET, *_TRACKS, *_VERTEX, *_LEPTONS, *_SHAPES, "sip_sum", "n_offset"),
    "qgl": (*_JET, "density", "multiplicity", "ptD", "axis2"),
    "puid": (*_JET, "density", "beta", "spread", "ptD", "multiplicity", "nCharged", "ring1", "ring2", "leadingShare"),
    "breg": (*_JET, "density", "mass", "chHEF", "neHEF", "neEmEF", "chEmEF", "muEF", "leadingShare", "ptD",
             "sv_mass", "sv_flight", "sv_share", "mu_pt_rel", "nConstituents"),
}  # fmt: skip
OUTPUTS = {"csvv2": 3, "cmva": 3, "deepcsv": 3, "deepjet": 4, "qgl": 2, "puid": 2, "breg": 1}
