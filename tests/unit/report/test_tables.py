"""Digits, Markdown and LaTeX of tables."""

from __future__ import annotations

import re

import numpy as np
import pytest

from transferz.report.tables import (
    decimals,
    escape_latex,
    fixed,
    markdown_table,
    significant,
    siunitx,
    survey_note,
    table_format,
    with_interval,
    with_spread,
)


@pytest.mark.parametrize(
    ("mean", "spread", "plain", "latex"),
    [
        # Rounding of the Particle Data Group: 0.827 +- 0.119, 0.367, and 0.967 are its examples.
        (0.827, 0.119, "0.83 ± 0.12", "0.83(12)"),
        (0.827, 0.367, "0.8 ± 0.4", "0.8(4)"),
        (0.827, 0.967, "0.8 ± 1.0", "0.8(10)"),
        (0.02056, 0.00182, "0.0206 ± 0.0018", "0.0206(18)"),
        (-0.00012, 0.0021, "−0.0001 ± 0.0021", "-0.0001(21)"),
        (-0.00001, 0.0021, "0.0000 ± 0.0021", "0.0000(21)"),
        (123.4, 5.6, "123 ± 6", "123(6)"),
        (1234.0, 56.0, "1234 ± 56", "1234(56)"),
        (0.5, float("nan"), "0.500", "0.500"),
        (0.0512, 0.0, "0.0512 ± 0.0000", "0.0512(0)"),
        (0.0, 0.0, "0.000 ± 0.000", "0.000(0)"),
        # A spread that is zero but for rounding.
        (0.0009799118079372858, 2.2e-19, "0.000980 ± 0.000000", "0.000980(0)"),
    ],
)
def test_sensible_digits(mean: float, spread: float, plain: str, latex: str) -> None:
    assert with_spread(mean, spread) == plain
    assert siunitx(mean, spread) == latex


def test_spread_keeps_one_or_two_digits() -> None:
    for spread in np.geomspace(1e-6, 0.9, 300):
        shown = fixed(spread, decimals(1.0, spread)).lstrip("0.").replace(".", "")
        assert 1 <= len(shown) <= 2
        assert float(fixed(spread, decimals(1.0, spread))) == pytest.approx(spread, rel=0.13)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.8012, "4.80"),
        (12.34, "12.3"),
        (0.0012345, "0.00123"),
        (123456, "123000"),
        (-0.5, "−0.500"),
    ],
)
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


def test_tiny_numbers_have_a_power_of_ten() -> None:
    assert significant(8.06e-8) == "8.06 × 10⁻⁸"
    assert significant(-1.25e-12, 2) == "−1.2 × 10⁻¹²"
    assert significant(2.56e-5) == "0.0000256"
    assert with_spread(8.06e-8, float("nan")) == "8.06 × 10⁻⁸"
    assert siunitx(8.06e-8, 0.0) == "8.06e-08"


def test_special_numbers() -> None:
    assert significant(0.0) == "0"
    assert significant(float("inf")) == "inf"
    assert significant(float("nan")) == "nan"


def test_table_format_covers_every_cell() -> None:
    assert table_format(["0.0206(18)", "-12.3(4)", "0.120(8)"]) == "-2.4(2)"
    assert table_format(["12", "3.45"]) == "2.2"


def test_latex_has_no_bare_special_character() -> None:
    text = escape_latex("50% of lp_zPDF & #1 {x} < ~3^2 \\ $")
    assert not re.search(r"(?<!\\)[%&#_$]", text)


def test_markdown_columns_line_up() -> None:
    lines = markdown_table(["a", "long header"], [["x|y", "1"], ["z", "22"]], "lr").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("-: |")
    assert r"x\|y" in lines[2]


def test_survey_notes() -> None:
    assert "not the real catalogues" in survey_note("embedded")
    assert "not the paper's catalogues" in survey_note("custom")
    assert "real catalogues" in survey_note("archive")


def test_an_interval_that_is_none_is_said_in_words() -> None:
    nan, infinite = float("nan"), float("inf")
    assert with_interval(1.234, 1.0, 2.0) == "1.23 [1.00, 2.00]"
    assert with_interval(1.234, nan, nan) == "1.23 [no interval]"
    assert with_interval(1.234, 1.0, infinite) == "1.23 [no interval]"
    for value in (nan, infinite):
        assert with_interval(value, nan, nan) == "no object to compare"
