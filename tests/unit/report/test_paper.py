"""Numbers quoted from files, and sentences that follow them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import jinja2
import pandas as pd
import pytest
import yaml
from pypdf import PdfReader

from transferz.core.errors import InputError
from transferz.report.paper import (
    Book,
    Strong,
    changes,
    direction,
    environment,
    requirements,
    typeset,
    typst_cells,
)
from transferz.report.tables import listing


@pytest.fixture
def book(tmp_path: Path) -> Book:
    rows = []
    means = {"A": (-0.020, 0.10, 0.30), "B": (0.004, 0.15, 0.3001)}
    for name, (bias, rms, outliers) in means.items():
        row = {"dataset": "target", "strategy": name, "n_seeds": 100, "n_galaxies": 5804}
        for metric, mean in (("bias", bias), ("rms", rms), ("outliers", outliers)):
            row |= {f"{metric}_mean": mean, f"{metric}_spread": 0.002}
        rows.append(row)
    pd.DataFrame(rows).to_csv(tmp_path / "table1.csv", index=False)
    config = {"evaluation": {"requirements": {"bias": 0.01, "scatter": 0.02, "outliers": None}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"config": config, "list": [1, 2.5, "x"]}))
    return Book({"table1": tmp_path / "table1.csv", "config": tmp_path / "config.yaml"})


WHERE = {"dataset": "target", "strategy": "A"}


def test_numbers_are_quoted_and_noted(book: Book) -> None:
    assert book.count("table1", WHERE, "n_galaxies") == "5,804"
    assert book.spread("table1", WHERE, "rms") == "0.1000 ± 0.0020"
    assert book.number("table1", WHERE, "bias_mean", 2) == "\N{MINUS SIGN}0.020"
    assert book.percent("table1", WHERE, "outliers_mean") == "30.0"
    assert book.total("table1", {"dataset": "target"}) == "2"
    assert book.setting("config", "list") == "1, 2.5, x"
    assert book.setting("config", "list.1") == "2.5"
    with pytest.raises(InputError, match=r"list\.3: missing key"):
        book.setting("config", "list.3")
    ledger = book.ledger()
    assert ledger["text"].tolist()[:2] == ["5,804", "0.1000 ± 0.0020"]
    assert ledger["form"].tolist()[:2] == ["count", "spread"]
    assert Path(ledger["file"][0]).name == "table1.csv"


@pytest.mark.parametrize(
    ("where", "column", "message"),
    [
        ({"strategy": "C"}, "rms_mean", "found 0 rows"),
        ({"dataset": "target"}, "rms_mean", "found 2 rows"),
        ({"strategy": "A"}, "rsm_mean", "rsm_mean"),
        ({"stratgy": "A"}, "rms_mean", "stratgy: missing column"),
    ],
)
def test_a_number_that_is_not_there_is_an_error(
    book: Book, where: dict, column: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        book.value("table1", where, column)


def test_a_missing_or_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    book = Book({"empty": tmp_path / "empty.csv", "none": tmp_path / "none.csv"})
    for name in ("empty", "none"):
        with pytest.raises(InputError, match=rf"{name}\.csv: product missing or empty"):
            book.table(name)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((-0.1, 0.01, 100), (0.05, 0.01, 100), "smaller"),
        ((0.05, 0.01, 100), (-0.1, 0.01, 100), "larger"),
        # 0.0028 is two standard errors of the difference: 0.01 sqrt(2 / 100) = 0.0014.
        ((0.1, 0.01, 100), (0.1027, 0.01, 100), "same"),
        ((0.1, 0.01, 100), (0.1029, 0.01, 100), "larger"),
        # One seed has no spread: any difference counts.
        ((0.1, float("nan"), 1), (0.2, float("nan"), 1), "larger"),
        ((0.1, 0.0, 1), (0.1, 0.0, 1), "same"),
    ],
)
def test_direction_of_a_difference(first: tuple, second: tuple, expected: str) -> None:
    assert direction(first, second) == expected


def sentence(book: Book, call: str, metrics: dict, names: dict) -> str:
    """Return a sentence of the template as a reader sees it: without the quotes of Typst."""
    templates = environment({"name": lambda key: names.get(key, key)})
    functions: dict[str, Callable] = {
        "changes_of": lambda dataset, other: changes(
            book, dataset, "A", {"C": "B", "D": "A"}.get(other, other), metrics
        ),
        "requirements_of": lambda dataset: requirements(book, dataset, ["A", "B"], metrics),
    }
    source = '{% from "sentences.typ.j2" import comparison, requirements with context %}'
    text = templates.from_string(f"{source}{{{{ {call} }}}}").render(
        functions, strategies=["A", "B"], others=["B", "C", "D"]
    )
    text = re.sub(r'#"((?:[^"\\]|\\.)*)";', r"\1", text)
    return " ".join(text.replace("\u00a0", " ").split())


def test_a_comparison_says_what_falls_rises_and_stays(book: Book) -> None:
    metrics = {"bias": "bias", "rms": "RMS", "outliers": "outlier fraction"}
    text = sentence(book, 'comparison("target")', metrics, {"B": "second"})
    assert text == (
        "With second and C, the bias falls, the RMS rises and the outlier fraction stays. "
        "With D, the bias, the RMS and the outlier fraction stay."
    )


def test_requirements_name_who_meets_them(book: Book) -> None:
    metrics = {
        "bias": ("bias", "bias"),
        "rms": ("RMS", "scatter"),
        "outliers": ("outlier fraction", "outliers"),
    }
    assert sentence(book, 'requirements("target")', metrics, {}) == (
        "The LSST requirements are met in the mean over seeds on the bias by B; on the RMS by no "
        "strategy."
    )


NASTY = '*b* #eval("1") $x$ "q" \\ \\" [c] = <d> @e `f` ~ -- // {{ g }} "; #panic()'


def test_nothing_from_a_file_becomes_markup() -> None:
    """What a template shows, and the cells of a table, reach the page as they are."""
    template = environment({}).from_string("{{ text }} (1)\n\n#table(..{{ cells }})")
    cells = typst_cells([[NASTY, Strong(NASTY)]])
    document = typeset(template.render(text=NASTY, cells=cells), [])
    pages = PdfReader(io.BytesIO(document)).pages
    assert "".join(pages[0].extract_text().split()).count("".join(NASTY.split())) == 3


def test_a_template_that_asks_for_an_unknown_name_fails() -> None:
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        environment({}).from_string("{{ nothing }}").render()


def test_listing() -> None:
    assert [listing(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
