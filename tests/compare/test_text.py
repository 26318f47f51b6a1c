"""Labels and numbers as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashbench.analysis import OBSERVABLES
from flashbench.compare.mathtext import to_html
from flashbench.compare.numbers import count, probability, sigmas, with_error
from flashbench.compare.report import flatten


@pytest.mark.parametrize(
    ("label", "html"),
    [
        (r"$p_T(\mu\mu)$", "p<sub>T</sub>(μμ)"),
        (r"Leading jet $p_T$", "Leading jet p<sub>T</sub>"),
        (r"$\ln|z^*|$", "ln |z<sup>*</sup>|"),
        (r"$\ln(m_{jj} / \mathrm{GeV})$", "ln (m<sub>jj</sub> / GeV)"),
        (r"$\cos\theta_{CS}$", "cos θ<sub>CS</sub>"),
        ("a < b & $c$", "a &lt; b &amp; c"),
        ("costs 5$ <b>", "costs 5$ &lt;b&gt;"),
        (r"$\unknown_<$", "unknown<sub>&lt;</sub>"),
    ],
)
def test_mathtext_becomes_html(label, html):
    assert str(to_html(label)) == html


@given(st.text(alphabet="$\\{}_^<>&\"'aμ ", max_size=30))
def test_any_label_becomes_escaped_html_without_error(label):
    html = str(to_html(label))
    for tag in ("sub", "sup"):
        html = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert "<" not in html
    assert ">" not in html


def test_no_label_of_an_observable_keeps_its_backslashes():
    assert not any("\\" in to_html(o.label) or "$" in to_html(o.label) for o in OBSERVABLES)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.02436, 0.0132, "1.024 ± 0.013"),
        (123.4, 12.0, "123 ± 12"),
        (0.000123456, 0.0000045, "0.0001235 ± 0.0000045"),
        (1.0, 0.0, "1"),
        (0.5, None, "0.5"),
        (None, None, "–"),
        (3.2e-12, 1.1e-12, "3.2e-12 ± 1.1e-12"),
    ],
)
def test_a_value_has_the_digits_that_its_error_supports(value, error, text):
    assert with_error(value, error) == text


def test_small_probabilities_keep_their_power_of_ten():
    assert [probability(p) for p in (0.456, 0.0012, None)] == ["0.46", "1.2e-03", "–"]
    assert [count(n) for n in (1234.0, 1234.4)] == ["1,234", "1,234.4"]


def test_a_significance_is_not_negative_and_says_where_it_is_a_bound():
    assert [sigmas(2.576, resolved=False), sigmas(1.04), sigmas(-8.2), sigmas(None)] == ["≥ 2.6σ", "1.0σ", "0.0σ", "–"]


def test_a_manifest_is_shown_line_by_line():
    manifest = {"seed": 1, "inputs": [{"file": "a"}, {"file": "b"}], "versions": {"x": "1"}, "parts": list(range(9))}
    assert flatten(manifest) == [
        ("seed", "1"),
        ("inputs.0.file", "a"),
        ("inputs.1.file", "b"),
        ("versions.x", "1"),
        ("parts", "9 entries"),
    ]
