"""Numbers as a reader wants them: sensible digits, Markdown and LaTeX tables, notes on the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import CUTFLOW_COLUMNS, read_csv

# First lines of pages and captions: on which sky the numbers were measured.
SURVEY_NOTES = {
    "embedded": "These are not the real catalogues: every number here was measured on the "
    "embedded survey, a simulation.",
    "archive": "Measured on the real catalogues: COSMOS2020, HSC-SSP and GalaxiesML.",
    "custom": "These are not the paper's catalogues: every number here was measured on the "
    "catalogues given in the configuration.",
}

# What pages and captions call the kinds of redshift.
REDSHIFT_WORDS = {"photo_z": "photometric", "spec_z": "spectroscopic"}

LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Digits of a number whose spread is zero or unknown.
DIGITS_WITHOUT_SPREAD = 3
# Numbers below this get a power of ten.
SMALL = 1e-5
# A spread below this part of the mean is zero but for rounding.
ROUNDING = 1e-12


def read_cutflow(path: str | Path) -> pd.DataFrame:
    """Read a cut-flow table; one without a column ``stage`` is a single selection.

    Raises
    ------
    InputError
        If the file is missing, has no step or lacks a column, or its counts contradict.
    """
    flow = read_csv(path, CUTFLOW_COLUMNS, what="cut-flow table")
    wrong = flow[flow["n_in"] - flow["n_out"] != flow["n_removed"]]
    if len(wrong):
        raise InputError(
            "counts that contradict each other",
            file=path,
            key=f"step {wrong['step'].iloc[0]}",
            expected="n_in - n_out = n_removed",
            fix="run the rule that makes it again",
        )
    return flow if "stage" in flow else flow.assign(stage="selection")


def survey_note(survey: str) -> str:
    """Return one sentence on where the numbers come from."""
    return SURVEY_NOTES.get(survey, f"Measured on the survey '{survey}'.")


def decimals(mean: float, spread: float) -> int:
    """Return how many decimals to show of a number with a spread.

    The rule of the Particle Data Group (Review of Particle Physics, introduction, section 5.3):
    if the three leading digits of the spread lie between 100 and 354, round to two digits;
    between 355 and 949, to one; above, up to 1000 and keep two.
    """
    if not math.isfinite(spread) or spread <= ROUNDING * abs(mean):
        if not math.isfinite(mean) or mean == 0:
            return DIGITS_WITHOUT_SPREAD
        return max(0, DIGITS_WITHOUT_SPREAD - 1 - math.floor(math.log10(abs(mean))))
    exponent = math.floor(math.log10(spread))
    leading = round(spread / 10.0 ** (exponent - 2))
    digits = 2 if leading <= 354 else 1
    return max(0, digits - 1 - exponent)


def fixed(value: float, places: int) -> str:
    """Return `value` with so many decimals, without a minus sign on zero."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    quantum = Decimal(1).scaleb(-places)
    text = str(Decimal(repr(float(value))).quantize(quantum, rounding=ROUND_HALF_EVEN))
    return f"{Decimal(text):f}".lstrip("-") if Decimal(text) == 0 else f"{Decimal(text):f}"


def with_spread(mean: float, spread: float) -> str:
    """Return ``mean ± spread`` with sensible digits, for Markdown and figures."""
    if _tiny(mean, spread):
        return significant(mean)
    places = decimals(mean, spread)
    text = fixed(mean, places)
    if math.isfinite(spread):
        text += f" ± {fixed(spread, places)}"
    return text.replace("-", "\N{MINUS SIGN}")


def siunitx(mean: float, spread: float) -> str:
    """Return ``mean(spread)`` as siunitx reads it: 0.0123(4) is 0.0123 ± 0.0004."""
    if _tiny(mean, spread):
        return f"{mean:.{DIGITS_WITHOUT_SPREAD - 1}e}"
    places = decimals(mean, spread)
    text = fixed(mean, places)
    if not math.isfinite(spread):
        return text
    # The uncertainty in units of the last digit: plain text work would lose "0.012(12)".
    return f"{text}({int(Decimal(fixed(spread, places)).scaleb(places))})"


def significant(value: float, digits: int = 3) -> str:
    """Return `value` with so many significant digits, and a power of ten below `SMALL`."""
    if not math.isfinite(value):
        return fixed(value, 0)
    if _tiny(value):
        number, exponent = f"{value:.{digits - 1}e}".split("e")
        power = str(int(exponent)).translate(SUPERSCRIPT)
        return f"{number} × 10{power}".replace("-", "\N{MINUS SIGN}")
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return fixed(round(value, places), max(0, places)).replace("-", "\N{MINUS SIGN}")


def _tiny(value: float, spread: float = math.nan) -> bool:
    """Return whether a number needs a power of ten: a small one, of no spread or an unknown one."""
    return 0 < abs(value) < SMALL and not spread > ROUNDING * abs(value)


def listing(items: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    *most, last = list(items) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def with_interval(value: float, low: float, high: float) -> str:
    """Return ``value [low, high]``, each with three significant digits.

    A ratio to a count of zero is no number, and has no interval; nor has what one seed gives.
    """
    if not math.isfinite(value):
        return "no object to compare"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{significant(value)} [no interval]"
    return f"{significant(value)} [{significant(low)}, {significant(high)}]"


def difference(value: float, low: float, high: float) -> str:
    """Return a difference `with_interval`, bold in Markdown where the interval excludes zero."""
    shown = with_interval(value, low, high)
    return f"**{shown}**" if low > 0 or high < 0 else shown


def table_format(cells: Sequence[str]) -> str:
    """Return the siunitx ``table-format`` of a column of `siunitx` numbers, such as 1.4(2)."""
    before = after = error = 0
    sign = ""
    for cell in cells:
        number, _, rest = cell.partition("(")
        if not any(character.isdigit() for character in number):
            continue
        sign = "-" if number.startswith("-") else sign
        whole, _, fraction = number.lstrip("-").partition(".")
        before, after = max(before, len(whole)), max(after, len(fraction))
        error = max(error, len(rest.rstrip(")")))
    return f"{sign}{before or 1}.{after}" + (f"({error})" if error else "")


def escape_latex(text: str) -> str:
    """Return `text` with the characters that LaTeX would interpret escaped."""
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)


def thousands(count: int) -> str:
    """Return a count with commas."""
    return f"{int(count):,}"


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], align: str | None = None
) -> str:
    """Return a pipe table, its columns padded.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str
    align : str, optional
        One letter per column, l or r; left by default.
    """
    align = align or "l" * len(header)
    cells = [[text.replace("|", r"\|") for text in row] for row in [header, *rows]]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if side == "r" else text.ljust(width)
            for text, width, side in zip(row, widths, align, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + (":" if side == "r" else "-")
        for width, side in zip(widths, align, strict=True)
    ]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


def latex_number_table(
    first: str,
    columns: Mapping[str, Sequence[str]],
    groups: Mapping[str, Sequence[Sequence[str]]],
    *,
    caption: str,
    label: str,
) -> str:
    """Return a `latex_table` of a column of names and columns of numbers.

    Parameters
    ----------
    first : str
        Header of the column of names.
    columns : mapping
        Header (LaTeX) to the cells of all rows (siunitx), which decide the column's format.
    groups, caption, label
        See `latex_table`.
    """
    return latex_table(
        ["l", *(f"S[table-format={table_format(cells)}]" for cells in columns.values())],
        [first, *columns],
        groups,
        caption=caption,
        label=label,
    )


def latex_table(
    columns: Sequence[str],
    header: Sequence[str],
    groups: Mapping[str, Sequence[Sequence[str]]],
    *,
    caption: str,
    label: str,
) -> str:
    """Return a booktabs table for siunitx, groups of rows under their own headings.

    Parameters
    ----------
    columns : sequence of str
        Column types, such as ``l`` or ``S[table-format=1.4(2)]``.
    header : sequence of str
        LaTeX; braces around the cells of S columns are added.
    groups : mapping
        Heading (LaTeX, "" for none) to rows of cells (LaTeX).
    caption, label : str
        LaTeX.
    """
    head = [
        f"{{{text}}}" if kind.startswith("S") else text
        for kind, text in zip(columns, header, strict=True)
    ]
    body = []
    for number, (heading, rows) in enumerate(groups.items()):
        if number:
            body.append(r"\addlinespace")
        if heading:
            body.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{heading}}}}} \\")
        body += [" & ".join(row) + r" \\" for row in rows]
    lines = [
        r"% \usepackage{booktabs,siunitx}",
        r"% \sisetup{separate-uncertainty, detect-weight, mode = text}",
        r"\begin{table}",
        rf"  \caption{{{caption}}}",
        rf"  \label{{{label}}}",
        r"  \centering",
        rf"  \begin{{tabular}}{{{' '.join(columns)}}}",
        r"    \toprule",
        f"    {' & '.join(head)} \\\\",
        r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
