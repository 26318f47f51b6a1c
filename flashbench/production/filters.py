"""Phase-space filters that stop an event before Pythia has spent its time on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VbfCuts:
    """What an event needs to have a chance in the VBF selection; all looser than the selection itself.

    Args:
        muon_pt, muon_eta: both muons of the hard process, in GeV.
        parton_pt, parton_eta: partons of the pair, at the moment of the check.
        mass, gap: invariant mass in GeV and pseudorapidity gap that one pair must exceed.
        scale: transverse momentum in GeV down to which the shower has run when the partons are looked at.
    """

    muon_pt: float = 15.0
    muon_eta: float = 2.6
    parton_pt: float = 15.0
    parton_eta: float = 5.0
    mass: float = 250.0
    gap: float = 2.0
    scale: float = 20.0


def has_pair(partons: list[tuple[float, float, float]], mass: float, gap: float) -> bool:
    """Whether two of the massless partons (pt, eta, phi) exceed `mass` (GeV) and `gap` in pseudorapidity."""
    for first, (pt1, eta1, phi1) in enumerate(partons):
        for pt2, eta2, phi2 in partons[:first]:
            mass_squared = 2 * pt1 * pt2 * (math.cosh(eta1 - eta2) - math.cos(phi1 - phi2))
            if abs(eta1 - eta2) > gap and mass_squared > mass**2:
                return True
    return False


def vbf_hook(cuts: VbfCuts) -> Any:
    """A Pythia `UserHooks` object that vetoes events without two muons, then those without a VBF-like parton pair.

    The muons are checked at process level. The partons are checked when the shower reaches `cuts.scale`; the
    second call of the same event (shower of the resonance, position 5) says nothing new and passes.
    """
    import pythia8mc

    class VbfHook(pythia8mc.UserHooks):  # type: ignore[misc]
        def __init__(self) -> None:
            pythia8mc.UserHooks.__init__(self)

        def canVetoProcessLevel(self) -> bool:  # noqa: N802
            return True

        def doVetoProcessLevel(self, event: Any) -> bool:  # noqa: N802
            """Whether fewer than two muons of the hard process are hard and central."""
            muons = [p for p in event if p.idAbs() == 13 and p.isFinal()]
            central = [p for p in muons if p.pT() > cuts.muon_pt and abs(p.eta()) < cuts.muon_eta]
            return len(central) < 2

        def canVetoPT(self) -> bool:  # noqa: N802
            return True

        def scaleVetoPT(self) -> float:  # noqa: N802
            return cuts.scale

        def doVetoPT(self, position: int, event: Any) -> bool:  # noqa: N802
            """Whether a hard parton is missing at this scale of the shower."""
            if position == 5:
                return False
            coloured = (p for p in event if p.isFinal() and (p.idAbs() <= 5 or p.id() == 21))
            partons = [
                (p.pT(), p.eta(), p.phi())
                for p in coloured
                if p.pT() > cuts.parton_pt and abs(p.eta()) < cuts.parton_eta
            ]
            return not has_pair(partons, cuts.mass, cuts.gap)

    return VbfHook()
