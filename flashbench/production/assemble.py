"""Tables of the production → event blocks in NanoAOD's names and types."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from flashbench.events import BRANCHES
from flashbench.production.detector.chain import Crossing, Reconstructed
from flashbench.production.detector.pileup import densities
from flashbench.production.ragged import Array, Ragged

_GEN_PART = ("pt", "eta", "phi", "mass", "pdgId", "status", "statusFlags", "genPartIdxMother")
_GEN_JET = ("pt", "eta", "phi", "mass", "partonFlavour", "hadronFlavour")
_MANTISSA_BITS = 10
_REDUCED = ("btag", "qgl", "bRegCorr", "muEF", "area", "ptErr", "dxy", "dz", "ip3d", "sip3d", "jetPtRel", "softMva")


def reduce_precision(values: Array, bits: int = _MANTISSA_BITS) -> Array:
    """Round float32 mantissas to `bits` bits, as NanoAOD stores low-precision columns; float32 in and out."""
    keep = 23 - bits
    raw = np.asarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (raw + (1 << (keep - 1))) >> keep << keep
    reduced: Array = rounded.astype(np.uint32).view(np.float32)
    return reduced


def nano_columns(collection: str, table: Ragged) -> dict[str, Array]:
    """The columns of `table` that the event model declares for `collection`, in its types and precision."""
    columns: dict[str, Array] = {}
    for name in table.columns:
        declared = BRANCHES.get(f"{collection}_{name}")
        if declared is None:
            continue
        values = table[name].astype(declared.dtype)
        if declared.dtype == "float32" and name.startswith(_REDUCED):
            values = reduce_precision(values)
        columns[name] = values
    return columns


def _collection(counts: Array, columns: Mapping[str, Array]) -> Any:
    import awkward as ak

    return ak.unflatten(ak.zip(dict(columns)), counts)


def block(crossing: Crossing, reconstructed: Reconstructed, shard: int, first_event: int) -> Any:
    """One event block: identity, generator columns, `Muon` and `Jet`; run 1, luminosity block `shard` + 1."""
    import awkward as ak

    generated, gen_jets, draw = crossing.generated, crossing.gen_jets, crossing.draw
    events = generated.events
    pudensity, gpudensity = densities(draw)
    pileup = {
        "nPU": draw.n.astype(np.int32),
        "nTrueInt": draw.n_true.astype(np.float32),
        "pudensity": pudensity.astype(np.float32),
        "gpudensity": gpudensity.astype(np.float32),
        "sumEOOT": draw.early.astype(np.int32),
        "sumLOOT": draw.late.astype(np.int32),
    }
    parts, muons, jets = generated.gen_parts, reconstructed.muons, reconstructed.jets
    content = {
        "run": np.ones(events, dtype=np.uint32),
        "luminosityBlock": np.full(events, shard + 1, dtype=np.uint32),
        "event": np.arange(first_event, first_event + events, dtype=np.uint64),
        "genWeight": generated.weights[:, 0].astype(np.float32),
        "GenPart": _collection(parts.counts, nano_columns("GenPart", parts)),
        "GenJet": _collection(gen_jets.counts, nano_columns("GenJet", gen_jets)),
        "Pileup": ak.zip(pileup, depth_limit=1),
        "Muon": _collection(muons.counts, nano_columns("Muon", muons)),
        "Jet": _collection(jets.counts, nano_columns("Jet", jets)),
    }
    if generated.weights.shape[1] > 1:
        content["LHEWeight"] = ak.from_regular(ak.Array(generated.weights.astype(np.float32)))
    return ak.zip(content, depth_limit=1)


def digest(blocks: Iterable[Any]) -> str:
    """SHA-256 over the arrays of event blocks: unlike ROOT files, the same events always give the same value."""
    import awkward as ak

    total = hashlib.sha256()
    for events in blocks:
        for name in events.fields:
            columns = events[name]
            for field in columns.fields or [""]:
                values = columns[field] if field else columns
                if values.ndim > 1:
                    total.update(ak.to_numpy(ak.num(values)).astype(np.int64).tobytes())
                flat = ak.to_numpy(ak.flatten(values, axis=None))
                total.update(f"{name}_{field}:{flat.dtype}".encode() + flat.tobytes())
    return total.hexdigest()
