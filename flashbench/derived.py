"""Branches that a NanoAOD version dropped and that follow from others.

v15 has no `Jet_jetId`: the tight identification of Run 3 PUPPI jets is computed from energy fractions and
multiplicities. For Run 2 (ultra-legacy) CMS has other cuts on PUPPI jets: neHEF < 0.9 and chHEF > 0 up to |η| 2.6,
neHEF < 0.9999 between 2.7 and 3, neEmEF < 0.9 and more than two neutral constituents beyond. A simulated file does not
say which run it is of, so in v15 files of Run 2 the forward identification comes out tighter than CMS has it.

References:
    CMS JetMET recommendations, JetID13p6TeV (Run 3; `AK4PUPPI_Tight` of its jetid.json) and JetID13TeVUL (Run 2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import awkward as ak

TIGHT, LEPTON_VETO = 2, 4  # bits of Jet_jetId

INGREDIENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Jet_jetId": (
        *("Jet_eta", "Jet_neHEF", "Jet_neEmEF", "Jet_chHEF", "Jet_chEmEF", "Jet_muEF"),
        *("Jet_chMultiplicity", "Jet_neMultiplicity"),
    )
}
RECIPES: Final[Mapping[str, str]] = {"Jet_jetId": "by CMS's recipe for PUPPI jets of Run 3"}


def derivable(name: str, held: Collection[str]) -> bool:
    """Whether a branch can be computed from those that are held."""
    return name in INGREDIENTS and all(each in held for each in INGREDIENTS[name])


def derive(name: str, columns: Mapping[str, Any]) -> ak.Array:
    """A branch from its ingredients."""
    return {"Jet_jetId": jet_id}[name](columns)


def jet_id(columns: Mapping[str, Any]) -> ak.Array:
    """Bits of `Jet_jetId` for AK4 PUPPI jets of Run 3, shape (events, var): 2 tight, 4 tight with lepton veto.

    | |η| | tight | with lepton veto |
    |---|---|---|
    | ≤ 2.6 | neHEF < 0.99, neEmEF < 0.9, > 1 constituent, chHEF > 0.01, ≥ 1 charged | muEF, chEmEF < 0.8 |
    | 2.6–2.7 | neHEF < 0.9, neEmEF < 0.99 | muEF, chEmEF < 0.8 |
    | 2.7–3.0 | neHEF < 0.99 | – |
    | > 3.0 | neEmEF < 0.4, ≥ 2 neutral | – |

    Args:
        columns: the ingredients: η, energy fractions and multiplicities, each of shape (events, var).
    """
    size, neutral_hadrons, neutral_em = abs(columns["Jet_eta"]), columns["Jet_neHEF"], columns["Jet_neEmEF"]
    charged, neutral = (ak.values_astype(columns[f"Jet_{n}Multiplicity"], "int64") for n in ("ch", "ne"))
    central = (neutral_hadrons < 0.99) & (neutral_em < 0.9) & (charged + neutral > 1)
    central = central & (columns["Jet_chHEF"] > 0.01) & (charged > 0)
    transition = (neutral_hadrons < 0.9) & (neutral_em < 0.99)
    forward = (neutral_em < 0.4) & (neutral >= 2)
    tight = (
        ((size <= 2.6) & central)
        | ((size > 2.6) & (size <= 2.7) & transition)
        | ((size > 2.7) & (size <= 3.0) & (neutral_hadrons < 0.99))
        | ((size > 3.0) & forward)
    )
    no_lepton = (size > 2.7) | ((columns["Jet_muEF"] < 0.8) & (columns["Jet_chEmEF"] < 0.8))
    return TIGHT * ak.values_astype(tight, "int32") + LEPTON_VETO * ak.values_astype(tight & no_lepton, "int32")
