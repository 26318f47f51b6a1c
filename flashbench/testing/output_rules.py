"""Rules of one output: its shape, types and values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from flashbench.errors import FlashbenchError
from flashbench.events import IDENTITY, RECO_BRANCHES, Branch, Tier, branch, check_finite
from flashbench.simulators import SimulatorInfo
from flashbench.simulators.contract import COLLECTIONS, branches_of, check_length, check_range, check_type
from flashbench.testing.bench import Bench, BrokenRuleError

_WHERE = "output"
_MUON_MASS = (0.05, 0.2)  # GeV
_NEAR = 0.4  # ΔR
_LEAST_SHARE = 0.5


def made(bench: Bench) -> str:
    """It can be found and made."""
    try:
        return type(bench.simulator).__qualname__
    except FlashbenchError as error:
        raise BrokenRuleError(str(error)) from error
    except Exception as error:
        raise BrokenRuleError(f"making it raised {type(error).__name__}: {error}") from error


def info(bench: Bench) -> str:
    """Its description holds."""
    given: Any = bench.info
    if not isinstance(given, SimulatorInfo):
        raise BrokenRuleError(f"info is {type(given).__name__}, not SimulatorInfo")
    problems = [
        *([] if re.fullmatch(r"[A-Za-z][\w.-]*", given.name) else [f"name {given.name!r} is no word"]),
        *([] if given.version and isinstance(given.version, str) else ["version is empty"]),
        *([] if given.label and isinstance(given.label, str) else ["label is empty"]),
        *([] if given.reads in tuple(Tier) else [f"reads {given.reads!r} is no tier"]),
        *(f"provides {name}, which is no branch of Muon or Jet" for name in given.provides - set(RECO_BRANCHES)),
    ]
    for name in given.needs:
        try:
            branch(name)
        except FlashbenchError as error:
            problems.append(f"needs: {error}")
    if problems:
        raise BrokenRuleError("; ".join(sorted(problems)))
    return f"{given.name} {given.version}, reads {given.reads}"


def runs(bench: Bench) -> str:
    """It takes ordinary events."""
    _ = bench.output
    return f"{len(bench.sample)} events"


def length(bench: Bench) -> str:
    """One row an event."""
    _checked(lambda: check_length(bench.output, len(bench.sample), _WHERE))
    return ""


def schema(bench: Bench) -> str:
    """Collections and branches are there."""
    found = list(_branches(bench, bench.output))
    return f"{len(found)} branches"


def types(bench: Bench) -> str:
    """Every branch is of its type."""
    return _each(bench, check_type)


def finite(bench: Bench) -> str:
    """No NaN, no infinity."""
    return _each(bench, lambda values, declared, where: check_finite(values, declared.name, where))


def in_range(bench: Bench) -> str:
    """Momenta are positive, azimuths wrapped, charges ±1."""
    return _each(bench, check_range)


def plausible(bench: Bench) -> str:
    """Typical values are those of the events that went in."""
    scale, out, told = bench.limits.scale, bench.output, []
    pairs = {"Muon": bench.whole.GenPart, "Jet": bench.whole.GenJet}
    for name, generated in pairs.items():
        if not ak.count(out[name].pt):
            problem = f"not one {name} came out of {ak.count(generated.pt)} generated"
            raise BrokenRuleError(problem)
        ratio = float(np.median(_flat(out[name].pt)) / np.median(_flat(generated.pt)))
        if not 1 / scale < ratio < scale:
            raise BrokenRuleError(f"median {name}_pt is {ratio:.3g} times the generated one: GeV?")
        told.append(f"median {name}_pt × {ratio:.2f}")
    mass = float(np.median(_flat(out.Muon.mass)))
    if not _MUON_MASS[0] < mass < _MUON_MASS[1]:
        raise BrokenRuleError(f"median Muon_mass is {mass:.3g}: GeV?")
    return ", ".join(told)


def sorted_by_momentum(bench: Bench) -> str:
    """Objects stand in order of descending pT."""
    for name in COLLECTIONS:
        pt = bench.output[name].pt
        wrong = int(ak.sum(ak.any(pt[:, 1:] > pt[:, :-1], axis=1)))
        if wrong:
            raise BrokenRuleError(f"{name} is not sorted by pt in {wrong} events")
    return ""


def links(bench: Bench) -> str:
    """Links point at the generator object that stands behind."""
    told = []
    for name, field, generated in (
        ("Jet", "genJetIdx", bench.whole.GenJet),
        ("Muon", "genPartIdx", bench.whole.GenPart),
    ):
        objects = bench.output[name]
        if field not in objects.fields:
            continue
        index = objects[field]
        if ak.any(index < -1) or ak.any(index >= ak.num(generated)):
            raise BrokenRuleError(f"{name}_{field} is below −1 or beyond the last generator object")
        linked = objects[index >= 0]
        if not ak.count(linked.pt):
            continue
        behind = generated[index[index >= 0]]
        share = float(ak.mean(_distance(linked, behind) < _NEAR))
        if share < _LEAST_SHARE:
            problem = f"{1 - share:.0%} of the objects that {name}_{field} links are farther than ΔR {_NEAR} apart"
            raise BrokenRuleError(problem)
        told.append(f"{share:.0%} of {name}_{field} within ΔR {_NEAR}")
    return ", ".join(told) or "no links"


def order(bench: Bench) -> str:
    """Row i belongs to event i."""
    own = bench.whole
    shares = [_share(bench.output, own)]
    shares += [_share(bench.output, own[np.roll(np.arange(len(own)), shift)]) for shift in (1, len(own) // 2)]
    if np.isfinite(shares[0]) and shares[0] < _LEAST_SHARE:
        problem = f"{shares[0]:.0%} of leading objects lie near one of their own event, {shares[1]:.0%} near another's"
        raise BrokenRuleError(problem)
    return f"{shares[0]:.0%} near an object of their own event, {shares[1]:.0%} of another"


def identity(bench: Bench) -> str:
    """Identity and weight that come out are those that went in."""
    for name in (*IDENTITY, "genWeight"):
        if name in bench.output.fields and not np.array_equal(
            _flat(bench.output[name]), _flat(bench.sample[name]), equal_nan=name == "genWeight"
        ):
            raise BrokenRuleError(f"{name} came out changed")
    return ""


def empty(bench: Bench) -> str:
    """A block of no events gives none."""
    _complete(bench, bench.sample[:0])
    return ""


def bare(bench: Bench) -> str:
    """Events without jets, muons or generator objects come through."""
    _complete(bench, bench.bare)
    return f"{len(bench.bare)} events"


def _complete(bench: Bench, events: ak.Array) -> None:
    output = bench.run(events)
    _checked(lambda: check_length(output, len(events), _WHERE))
    list(_branches(bench, output))


def _branches(bench: Bench, output: ak.Array) -> Iterator[tuple[Branch, ak.Array]]:
    found = branches_of(bench.info, output, _WHERE)
    while True:
        pair = _checked(lambda: next(found, None))
        if pair is None:
            return
        yield pair


def _each(bench: Bench, check: Callable[[ak.Array, Branch, str], None]) -> str:
    for declared, values in _branches(bench, bench.output):
        _checked(partial(check, values, declared, _WHERE))
    return ""


def _checked(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except FlashbenchError as error:
        raise BrokenRuleError(str(error)) from error


def _share(output: ak.Array, whole: ak.Array) -> float:
    """Part of the leading objects, one a collection and event, that lie near any generated one of `whole`."""
    near = []
    for name, generated in (("Muon", whole.GenPart), ("Jet", whole.GenJet)):
        both = (ak.num(output[name]) > 0) & (ak.num(generated) > 0)
        leading = output[name][both][:, :1]
        pairs = ak.cartesian([leading[["eta", "phi"]], generated[both][["eta", "phi"]]], axis=1)
        near.append(ak.to_numpy(ak.any(_distance(pairs["0"], pairs["1"]) < _NEAR, axis=1)))
    joined = np.concatenate(near)
    return float(joined.mean()) if len(joined) else float("nan")


def _distance(a: ak.Array, b: ak.Array) -> ak.Array:
    delta_phi = (a.phi - b.phi + np.pi) % (2 * np.pi) - np.pi
    return np.sqrt((a.eta - b.eta) ** 2 + delta_phi**2)


def _flat(values: ak.Array) -> Any:
    return ak.to_numpy(ak.flatten(values, axis=None))
