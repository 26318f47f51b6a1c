"""The GenPart collection: what NanoAOD keeps of the generator record, with its status flags.

Kept: the hard process, first and last copies of its heavy particles, charged leptons, weakly decaying b and c
hadrons, photons above 10 GeV and all that no hadron or tau decayed to. The bits of `statusFlags` have the meaning of
NanoAOD's branch documentation.
"""

from __future__ import annotations

import numpy as np

from flashbench.production.particles import is_b_hadron, is_c_hadron, is_hadron
from flashbench.production.ragged import BoolArray, FloatArray, IntArray, Ragged
from flashbench.production.record import Record, kinematics

BITS = {
    "isPrompt": 0,
    "isDecayedLeptonHadron": 1,
    "isTauDecayProduct": 2,
    "isPromptTauDecayProduct": 3,
    "isDirectTauDecayProduct": 4,
    "isDirectPromptTauDecayProduct": 5,
    "isDirectHadronDecayProduct": 6,
    "isHardProcess": 7,
    "fromHardProcess": 8,
    "isHardProcessTauDecayProduct": 9,
    "isDirectHardProcessTauDecayProduct": 10,
    "fromHardProcessBeforeFSR": 11,
    "isFirstCopy": 12,
    "isLastCopy": 13,
    "isLastCopyBeforeFSR": 14,
}

_HEAVY = (6, 23, 24, 25, 1000021, 1000022)
_LEPTON_PT = 1.0  # GeV
_PHOTON_PT = 10.0  # GeV, of photons from decays


def kept(record: Record) -> BoolArray:
    """Rows of the record that enter GenPart."""
    code, pt = np.abs(record.pdg), np.hypot(record.rows["px"], record.rows["py"])
    last = record.is_last_copy()
    heavy = np.isin(code, _HEAVY) & (last | record.is_first_copy())
    leptons: BoolArray = (np.isin(code, (11, 13)) & record.is_final() & (pt > _LEPTON_PT)) | ((code == 15) & last)
    hadrons = (is_b_hadron(record.pdg) | _decays_weakly_with_charm(record)) & last & (pt > _LEPTON_PT)
    return leptons | record.is_hard() | heavy | hadrons | _photons(record, pt)


def _photons(record: Record, pt: FloatArray) -> BoolArray:
    photons: BoolArray = (record.pdg == 22) & record.is_final()
    soft = np.nonzero(photons & (pt <= _PHOTON_PT))[0]
    photons[soft] = record.nearest_ancestor(soft, record.is_decayed()) < 0
    return photons


def _decays_weakly_with_charm(record: Record) -> BoolArray:
    daughters_charm = is_c_hadron(record.pdg[record.daughter1]) | is_c_hadron(record.pdg[record.daughter2])
    return is_c_hadron(record.pdg) & ~daughters_charm


def status_flags(record: Record, rows: IntArray) -> IntArray:
    """NanoAOD `statusFlags` of `rows`, shape (n,)."""
    decayed = record.is_decayed()
    hadron = is_hadron(record.pdg)
    tau = decayed & (np.abs(record.pdg) == 15)

    decayed_ancestor = record.nearest_ancestor(rows, decayed)
    tau_ancestor = record.nearest_ancestor(rows, tau)
    has_tau = tau_ancestor >= 0
    taus = tau_ancestor[has_tau]

    tau_prompt, tau_hard = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    tau_prompt[has_tau] = record.nearest_ancestor(taus, decayed) < 0
    tau_hard[has_tau] = record.copies_from_hard(taus)
    direct_tau = has_tau & (decayed_ancestor == tau_ancestor)
    hard, first, last = record.is_hard()[rows], record.is_first_copy()[rows], record.is_last_copy()[rows]
    from_hard = record.copies_from_hard(rows)

    flags = {
        "isPrompt": decayed_ancestor < 0,
        "isDecayedLeptonHadron": decayed[rows],
        "isTauDecayProduct": has_tau,
        "isPromptTauDecayProduct": tau_prompt,
        "isDirectTauDecayProduct": direct_tau,
        "isDirectPromptTauDecayProduct": direct_tau & tau_prompt,
        "isDirectHadronDecayProduct": (decayed_ancestor >= 0) & hadron[decayed_ancestor],
        "isHardProcess": hard,
        "fromHardProcess": from_hard,
        "isHardProcessTauDecayProduct": tau_hard,
        "isDirectHardProcessTauDecayProduct": direct_tau & tau_hard,
        "fromHardProcessBeforeFSR": hard,
        "isFirstCopy": first,
        "isLastCopy": last,
        "isLastCopyBeforeFSR": np.where(from_hard, hard, first),
    }
    value = np.zeros(len(rows), dtype=np.int64)
    for name, holds in flags.items():
        value |= holds.astype(np.int64) << BITS[name]
    return value


def gen_parts(record: Record) -> tuple[Ragged, IntArray]:
    """The GenPart collection.

    Returns:
        The table with NanoAOD's columns, and for each row of the record its index in GenPart of its event, or −1.
    """
    mask = kept(record)
    rows = np.nonzero(mask)[0]
    event = record.rows.event[rows]
    counts = np.bincount(event, minlength=record.rows.events).astype(np.int64)
    first_kept = np.cumsum(counts) - counts
    index = np.full(record.rows.rows, -1, dtype=np.int64)
    index[rows] = np.arange(len(rows)) - first_kept[event]

    mother = record.nearest_ancestor(rows, mask)
    status = np.where(record.is_final()[rows], 1, np.where(record.is_decayed()[rows], 2, np.abs(record.status[rows])))
    columns = {
        **kinematics(record, mask),
        "status": status,
        "statusFlags": status_flags(record, rows),
        "genPartIdxMother": np.where(mother >= 0, index[mother], -1),
    }
    return Ragged(counts, columns), index
