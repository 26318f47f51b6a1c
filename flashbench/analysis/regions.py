"""Regions of the dimuon mass, and the sets of events that plots and metrics are made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashbench.analysis.cuts import Cuts
from flashbench.analysis.kinematics import FloatArray
from flashbench.errors import UnknownNameError

BoolArray = NDArray[np.bool_]
RegionCodes = NDArray[np.int8]

NO_REGION, SIDEBAND, SIGNAL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Region:
    """A set of events that plots and metrics are made for.

    Attributes:
        select: from the table's `region` column to a decision, both of shape (events,).
    """

    name: str
    label: str
    select: Callable[[RegionCodes], BoolArray]


REGIONS: tuple[Region, ...] = (
    Region("all", "no selection", lambda codes: np.ones(codes.shape, dtype=np.bool_)),
    Region("PreSel", "VBF preselection", lambda codes: codes != NO_REGION),
    Region("SR", "VBF signal region", lambda codes: codes == SIGNAL),
    Region("SB", "VBF sideband", lambda codes: codes == SIDEBAND),
)


def region_codes(mass: FloatArray, cuts: Cuts = Cuts()) -> RegionCodes:  # noqa: B008 - frozen
    """The region that a dimuon mass (GeV) belongs to; the cuts on muons and jets are not looked at.

    Signal is closed, 115 ≤ m ≤ 135; the sideband is open, 110 < m < 115 or 135 < m < 150; NaN is in none.
    """
    signal = (mass >= cuts.signal_low) & (mass <= cuts.signal_high)
    window = (mass > cuts.sideband_low) & (mass < cuts.sideband_high)
    return np.select([signal, window], [SIGNAL, SIDEBAND], NO_REGION).astype(np.int8)


def find_region(name: str) -> Region:
    """The region of that name.

    Raises:
        UnknownNameError: there is none; suggests near ones.
    """
    for region in REGIONS:
        if region.name == name:
            return region
    raise UnknownNameError("region", name, (r.name for r in REGIONS))
