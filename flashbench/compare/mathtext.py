"""Observable labels, written in mathtext for figures, as HTML."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "times": "×", "pm": "±", "to": "→", "rightarrow": "→", "leq": "≤", "geq": "≥",
    "cdot": "·", "infty": "∞", "ell": "ℓ",
}  # fmt: skip
_WORDS = ("cos", "sin", "tan", "ln", "log", "exp", "min", "max")
_TOKEN = re.compile(r"\\([A-Za-z]+|.)|([_^{}])|([^\\_^{}]+)", re.DOTALL)


def to_html(label: str) -> Markup:
    """A label such as `$p_T(\\mu\\mu)$` as HTML; plain text, and anything unknown, comes out escaped.

    An odd number of `$` is text, as it is for matplotlib.
    """
    parts = label.split("$")
    if len(parts) % 2 == 0:
        return escape(label)
    return Markup("").join(escape(part) if i % 2 == 0 else _math(part) for i, part in enumerate(parts))


def _math(source: str) -> Markup:
    tokens = [match.groups() for match in _TOKEN.finditer(source)]
    pieces, _ = _sequence(tokens, 0)
    return pieces


def _sequence(tokens: list[tuple[str | None, ...]], at: int) -> tuple[Markup, int]:
    """HTML of tokens up to an unmatched closing brace or the end."""
    pieces: list[Markup] = []
    while at < len(tokens) and tokens[at][1] != "}":
        piece, at = _item(tokens, at)
        pieces.append(piece)
    return Markup("").join(pieces), at


def _item(tokens: list[tuple[str | None, ...]], at: int) -> tuple[Markup, int]:
    command, mark, text = tokens[at]
    if command is not None:
        return _command(command), at + 1
    if mark == "{":
        group, end = _sequence(tokens, at + 1)
        return group, end + 1
    if mark in ("_", "^"):
        if at + 1 >= len(tokens):
            return Markup(""), at + 1
        following = tokens[at + 1][2]
        if following is not None:  # a script without braces is one character; the rest follows it
            tokens[at + 1] = (None, None, following[1:])
            script, end = escape(following[0]), at + 1
        else:
            script, end = _item(tokens, at + 1)
        name = Markup("sub") if mark == "_" else Markup("sup")
        return Markup("<{0}>{1}</{0}>").format(name, script), end
    return escape(text or ""), at + 1


def _command(name: str) -> Markup:
    if name in _SYMBOLS:
        return escape(_SYMBOLS[name])
    if name in _WORDS:
        return escape(f"{name} ")
    if name in ("mathrm", "text", "rm", "left", "right", "mathit"):
        return Markup("")
    return escape(" " if name in (",", ";", " ", "!", ":") else name)
