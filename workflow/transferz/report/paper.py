"""The summary paper: numbers quoted from result files, and the template that asks for them.

No number is written by hand: each is looked up in a file, formatted, and noted in a ledger, which
is written beside the paper and lets a test compare every number of the PDF with its source. The
words are in ``paper.typ.j2``.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import jinja2
import pandas as pd
import typst
import yaml
from markupsafe import Markup

from transferz.core.errors import InputError
from transferz.report.tables import listing, significant, thousands, with_spread

# Part of the code of the rule that reads them (see code_hash in common.smk): layout and words.
DATA_FILES = ["paper.typ", "paper.typ.j2", "sentences.typ.j2"]
LAYOUT, WORDS = (Path(__file__).with_name(name) for name in DATA_FILES[:2])
LEDGER_COLUMNS = ["text", "file", "where", "column", "form"]
# A difference of two means over seeds counts when it exceeds this many standard errors.
SIGNIFICANCE = 2.0


class Book:
    """Looks numbers up in result files and keeps a ledger of what was quoted.

    Parameters
    ----------
    files : mapping
        Short name to path: CSV tables, or YAML.
    """

    def __init__(self, files: Mapping[str, str | Path]) -> None:
        self.files = {name: Path(path) for name, path in files.items()}
        self._contents: dict[str, object] = {}
        self._ledger: list[tuple[str, str, str, str, str]] = []

    def content(self, name: str) -> object:
        """Return a file's table (CSV) or tree (YAML).

        Raises
        ------
        InputError
            If the file is missing or empty, or not what its name says.
        """
        if name not in self._contents:
            path = self.files[name]
            if not path.is_file() or not path.stat().st_size:
                raise InputError(
                    "product missing or empty", file=path, fix="make it, then the paper"
                )
            try:
                if path.suffix == ".csv":
                    content = pd.read_csv(path)
                else:
                    content = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (ValueError, yaml.YAMLError) as error:
                reason = str(error).splitlines()[0]
                raise InputError("product cannot be read", file=path, found=reason) from error
            self._contents[name] = content
        return self._contents[name]

    def table(self, name: str) -> pd.DataFrame:
        """Return a CSV table."""
        content = self.content(name)
        if not isinstance(content, pd.DataFrame) or content.empty:
            raise InputError("no table", file=self.files[name])
        return content

    def rows(self, name: str, where: Mapping[str, object]) -> pd.DataFrame:
        """Return the rows of a table whose columns have the given values."""
        table = self.table(name)
        for column, value in where.items():
            if column not in table:
                raise InputError("missing column", file=self.files[name], key=column)
            table = table[table[column] == value]
        return table

    def value(self, name: str, where: Mapping[str, object], column: str) -> float:
        """Return one number of a table.

        Raises
        ------
        InputError
            If there is not exactly one such row, or no such column.
        """
        rows = self.rows(name, where)
        if len(rows) != 1 or column not in rows:
            raise InputError(
                "a number of the paper is not in its file",
                file=self.files[name],
                key=f"{column} where {json.dumps(where)}",
                found=f"{len(rows)} rows, columns {', '.join(rows)}",
                expected="one row",
            )
        return rows[column].iloc[0]

    def _note(self, text: str, name: str, where: object, column: str, form: str) -> str:
        key = where if isinstance(where, str) else json.dumps(where, sort_keys=True)
        self._ledger.append((text, name, key, column, form))
        return text

    def number(self, name: str, where: Mapping[str, object], column: str, digits: int = 3) -> str:
        """Return a number with so many significant digits."""
        text = significant(float(self.value(name, where, column)), digits)
        return self._note(text, name, where, column, "number")

    def plain(self, name: str, where: Mapping[str, object], column: str) -> str:
        """Return a number in its shortest form."""
        text = f"{float(self.value(name, where, column)):g}"
        return self._note(text, name, where, column, "plain")

    def words(self, name: str, where: Mapping[str, object], column: str) -> str:
        """Return a text of a table; numbers in it are its own."""
        return self._note(str(self.value(name, where, column)), name, where, column, "words")

    def count(self, name: str, where: Mapping[str, object], column: str) -> str:
        """Return a whole number with commas."""
        text = thousands(self.value(name, where, column))
        return self._note(text, name, where, column, "count")

    def total(self, name: str, where: Mapping[str, object]) -> str:
        """Return how many rows of a table have the given values."""
        return self._note(thousands(len(self.rows(name, where))), name, where, "", "rows")

    def percent(self, name: str, where: Mapping[str, object], column: str) -> str:
        """Return a fraction as a percentage with one decimal."""
        value = float(self.value(name, where, column))
        text = f"{100 * value:.1f}"
        text = "99.9" if text == "100.0" and value < 1 else text
        return self._note(text, name, where, column, "percent")

    def spread(self, name: str, where: Mapping[str, object], metric: str) -> str:
        """Return mean ± standard deviation, from the columns {metric}_mean and {metric}_spread."""
        mean = float(self.value(name, where, f"{metric}_mean"))
        deviation = float(self.value(name, where, f"{metric}_spread"))
        return self._note(with_spread(mean, deviation), name, where, metric, "spread")

    def interval(
        self, name: str, where: Mapping[str, object], columns: Sequence[str], digits: int = 3
    ) -> str:
        """Return ``value [low, high]`` from three columns; without the interval if unknown."""
        value, low, high = (float(self.value(name, where, column)) for column in columns)
        text = self._note(significant(value, digits), name, where, columns[0], "number")
        if not (math.isfinite(low) and math.isfinite(high)):
            return text
        ends = [
            self._note(significant(end, digits), name, where, column, "number")
            for end, column in ((low, columns[1]), (high, columns[2]))
        ]
        return f"{text} [{ends[0]}, {ends[1]}]"

    def setting(self, name: str, key: str) -> str:
        """Return a value of a YAML file by its dotted key; an item of a list by its number."""
        value = self.content(name)
        for part in key.split("."):
            if isinstance(value, list):
                value = {str(number): item for number, item in enumerate(value)}
            if not isinstance(value, Mapping) or part not in value:
                raise InputError("missing key", file=self.files[name], key=key)
            value = value[part]
        items = value if isinstance(value, list) else [value]
        text = ", ".join(plain_setting(item) for item in items)
        return self._note(text, name, key, "", "setting")

    def ledger(self) -> pd.DataFrame:
        """Return what was quoted, each once: text, file, where, column, form."""
        rows = [(text, str(self.files[name]), *rest) for text, name, *rest in self._ledger]
        return pd.DataFrame(rows, columns=LEDGER_COLUMNS).drop_duplicates(ignore_index=True)


def plain_setting(value: object) -> str:
    """Return a leaf of the configuration as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def direction(first: tuple[float, float, int], second: tuple[float, float, int]) -> str:
    """Return whether |second| is smaller or larger than |first|, or not told apart.

    Parameters
    ----------
    first, second : (mean, standard deviation, number of seeds)
        Told apart when the difference of |mean| exceeds `SIGNIFICANCE` standard errors.
    """
    difference = abs(second[0]) - abs(first[0])
    deviations = [0.0 if math.isnan(spread) else spread for spread in (first[1], second[1])]
    error = math.sqrt(deviations[0] ** 2 / first[2] + deviations[1] ** 2 / second[2])
    if abs(difference) <= SIGNIFICANCE * error or difference == 0:
        return "same"
    return "smaller" if difference < 0 else "larger"


def changes(
    book: Book, dataset: str, first: str, other: str, metrics: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the metrics that a strategy changes on a test set against the first one, as words.

    Parameters
    ----------
    book : Book
        Holds ``table1``.
    dataset, first, other : str
    metrics : mapping
        Metric to what a sentence calls it.

    Returns
    -------
    dict
        Each `direction` to what a sentence calls the metrics that go there.
    """
    found: dict[str, list[str]] = {"smaller": [], "larger": [], "same": []}
    columns = ("mean", "spread")
    for metric, word in metrics.items():
        ends = []
        for name in (first, other):
            place = {"dataset": dataset, "strategy": name}
            level = [book.value("table1", place, f"{metric}_{column}") for column in columns]
            ends.append((*level, book.value("table1", place, "n_seeds")))
        found[direction(*ends)].append(word)
    return found


def requirements(
    book: Book, dataset: str, strategies: Sequence[str], metrics: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield what a sentence calls a metric, and the strategies whose mean is below its limit.

    Parameters
    ----------
    metrics : mapping
        Metric to what a sentence calls it and its kind of requirement.
    """
    for metric, (word, kind) in metrics.items():
        limit = book.content("config")["config"]["evaluation"]["requirements"].get(kind)
        if limit is None:
            continue
        column = f"{metric}_mean"
        met = [
            name
            for name in strategies
            if abs(book.value("table1", {"dataset": dataset, "strategy": name}, column)) < limit
        ]
        yield word, met


class Strong(str):
    """A text that `typst_cells` sets in bold."""


def typst_string(text: object) -> Markup:
    """Return a string of Typst code, in which nothing is markup."""
    plain = str(text).replace("\\", r"\\").replace('"', r"\"")
    return Markup(f'"{plain}"')


def shown(text: object) -> Markup:
    """Return text to be printed as a string of Typst code; a number stays with its error."""
    return typst_string(str(text).replace(" ± ", "\u00a0±\u00a0"))


def typst_cells(rows: Iterable[Iterable[str]]) -> Markup:
    """Return the cells of a table, row by row, as an array of Typst code."""
    cells = [
        f"strong({shown(cell)})" if isinstance(cell, Strong) else shown(cell)
        for row in rows
        for cell in row
    ]
    return Markup("(" + "".join(f"{cell}, " for cell in cells) + ")")


def environment(filters: Mapping[str, Callable]) -> jinja2.Environment:
    """Return the Jinja2 environment of the paper's templates.

    What a template shows is plain text: only `Markup` (blocks of the templates themselves and
    `typst_string`) reaches Typst as it is.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WORDS.parent),
        extensions=["jinja2.ext.do"],
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(f"#{shown(value)};"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"listing": listing, **filters}
    return found


def picture(path: Path) -> Markup:
    """Return a figure's file and alternative text, as arguments of Typst.

    Raises
    ------
    InputError
        If the figure or its caption is missing or empty.
    """
    caption = path.with_suffix(".md")
    for needed in (path, caption):
        if not needed.is_file() or not needed.stat().st_size:
            fix = "make it, then the paper"
            raise InputError("product missing or empty", file=needed, fix=fix)
    alternative = caption.read_text(encoding="utf-8").partition("Alt text: ")[2].strip()
    return Markup(f"{typst_string(path.name)}, alt: {typst_string(alternative)}")


def typeset(source: str, figures: Iterable[Path]) -> bytes:
    """Return the PDF of a Typst source that imports the layout and shows these figures.

    Raises
    ------
    InputError
        If it does not compile.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path in (LAYOUT, *figures):
            shutil.copyfile(path, Path(folder, path.name))
        main = Path(folder, "main.typ")
        main.write_text(source, encoding="utf-8")
        try:
            return typst.compile(str(main), root=folder, ignore_system_fonts=True)
        except typst.TypstError as error:
            reason = str(error).splitlines()[0]
            raise InputError("the paper cannot be set", file=WORDS, found=reason) from error


def compose(words: object, **filters: Callable) -> str:
    """Return the Typst source of the paper; public names of `words` are names of the template.

    Raises
    ------
    InputError
        If a product is missing or lacks a number, or the template asks for what is not there.
    """
    names = {name: getattr(words, name) for name in dir(words) if not name.startswith("_")}
    templates = environment({"name": words.name, **filters})
    try:
        return templates.get_template(WORDS.name).render(names)
    except jinja2.TemplateError as error:
        raise InputError("the paper cannot be set", file=WORDS, found=error) from error
