"""Write the summary paper of a run: words, figures and tables, every number from a result file.

The words are in transferz/report/paper.typ.j2; here are the numbers that it asks for.

Inputs
    table1, table3, cutflow, claims, splits, overlap, control : CSV products (control: embedded
        survey only)
    config : run_config.yaml
    claims_file : config/claims.yaml, for where each claim is shown
    figures : PDF figures, their captions (Markdown, for the alternative texts) beside them

Outputs
    pdf : the paper
    numbers : every number in its words and tables, and where it comes from, as CSV
"""

import logging
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from transferz.core.logs import run
from transferz.core.products import atomic_path, write_csv
from transferz.evaluation.baselines import baseline_names, display_name
from transferz.evaluation.claims import Claim, by_window, read_claims
from transferz.evaluation.metrics import METRICS, OUTLIER_LIMIT
from transferz.release.documents import sources_of
from transferz.report.paper import (
    Book,
    Strong,
    changes,
    compose,
    picture,
    requirements,
    typeset,
    typst_cells,
)
from transferz.report.tables import REDSHIFT_WORDS, survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

TARGET, SOURCE = "target", "source"


class Words:
    """What the template may ask for: its public attributes and methods are names there.

    Parameters
    ----------
    book : Book
        Holds ``table1, table3, cutflow, claims, splits, overlap, config`` and perhaps ``control``.
    figures : mapping
        Name of each figure to its PDF.
    claims_file : path-like
        The published claims.
    inputs : sequence of str
        Names of the catalogues that the source data set is made from.
    redshifts : mapping of str to str
        Kind of redshift, `photo_z` or `spec_z`, of `source` and `target`.
    """

    target, source, METRICS = TARGET, SOURCE, METRICS

    def __init__(
        self,
        book: Book,
        figures: Mapping[str, Path],
        claims_file: str | Path,
        inputs: Sequence[str],
        redshifts: Mapping[str, str],
    ) -> None:
        self.book, self.figures, self.inputs = book, figures, inputs
        self.kinds = {role: REDSHIFT_WORDS[kind] for role, kind in redshifts.items()}
        self.config = book.content("config")["config"]
        # The order of the configuration is lost in run_config.yaml, that of the table is kept.
        self.strategies = list(dict.fromkeys(book.table("table1")["strategy"]))
        self.first, *self.others = self.strategies
        self.metrics = {name: word(name) for name in self.config["figures"]["figure3_metrics"]}
        self.note = survey_note(self.config["survey"])
        self.sources = sources_of(self.config["catalogues"]["hsc"])
        if self.config["survey"] == "custom":
            self.sources = self.sources[:1]
        self._claims = {claim.claim: claim for claim in read_claims(claims_file)}
        self.windows = {
            name.replace("<=", "≤"): rows[["z_min", "z_max"]].iloc[0].to_dict()
            for name, rows in by_window(book.table("claims")).items()
        }

    def name(self, key: str) -> str:
        """Return a display name."""
        return self.config["labels"].get(key, key)

    def setting(self, key: str) -> str:
        """Return a value of the configuration."""
        return self.book.setting("config", f"config.{key}")

    def n_test(self, dataset: str) -> str:
        """Return the number of test galaxies in the headline range."""
        return self.book.count("table1", {"dataset": dataset, "strategy": self.first}, "n_galaxies")

    def rows_of(self, sample: str) -> list[str]:
        """Return the numbers of training, validation and test rows of a sample."""
        where = {"sample": sample} | ({"dataset": sample} if sample in (SOURCE, TARGET) else {})
        return [
            self.book.count("splits", {**where, "split": part}, "n")
            for part in ("train", "validation", "test")
        ]

    def changes_of(self, dataset: str, other: str) -> dict[str, list[str]]:
        """Return what a strategy changes on a test set against the first one."""
        return changes(self.book, dataset, self.first, other, self.metrics)

    def requirements_of(self, dataset: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the requirements, and who meets them on a test set."""
        metrics = {name: (text, METRICS[name].requirement) for name, text in self.metrics.items()}
        return requirements(self.book, dataset, self.strategies, metrics)

    def claims_with(self, verdict: str) -> list[Claim]:
        """Return the claims that got a verdict in a range of redshift."""
        names = self.book.rows("claims", {"verdict": verdict})["claim"].unique()
        return [self._claims[name] for name in names if name in self._claims]

    def outliers_break_the_limit(self, strategy: str) -> bool:
        """Return whether the outliers alone exceed the limit on the RMS, on the target.

        A fraction f of errors above a threshold t gives an RMS above t sqrt(f).
        """
        limit = self.config["evaluation"]["requirements"].get("scatter")
        where = {"dataset": TARGET, "strategy": strategy}
        share = self.book.value("table1", where, "outlier_fraction_mean")
        return limit is not None and OUTLIER_LIMIT * math.sqrt(share) > limit

    def picture(self, name: str) -> Markup:
        """Return a figure's file and alternative text."""
        return picture(self.figures[name])

    def cells_of_table1(self) -> Markup:
        """Return the cells of Table 1, the metrics of every strategy on both test sets."""
        rows = []
        for entry in self.book.table("table1").itertuples():
            where = {"dataset": entry.dataset, "strategy": entry.strategy}
            rows.append([self.name(entry.dataset), self.name(entry.strategy)])
            for metric in self.config["evaluation"]["table_metrics"]:
                text = self.book.spread("table1", where, metric)
                rows[-1].append(Strong(text) if getattr(entry, f"{metric}_best") else text)
        return typst_cells(rows)

    def cells_of_table2(self) -> Markup:
        """Return the cells of Table 2, the cut flow."""
        rows = []
        for step in self.book.table("cutflow")["step"]:
            where = {"step": int(step)}
            counts = [self.book.count("cutflow", where, c) for c in ("n_in", "n_out", "n_removed")]
            words = [self.book.words("cutflow", where, c) for c in ("cut", "description")]
            rows.append([*words, *counts, self.book.percent("cutflow", where, "fraction")])
        return typst_cells(rows)

    def cells_of_table3(self) -> Markup:
        """Return the cells of Table 3, the baselines beside the strategies."""
        return typst_cells(
            [
                display_name(name, self.config["labels"]),
                *(
                    self.book.spread("table3", {"dataset": dataset, "strategy": name}, metric)
                    for dataset in (TARGET, SOURCE)
                    for metric in self.metrics
                ),
            ]
            for name in [*baseline_names(), *self.strategies]
        )

    def cells_of_table4(self) -> Markup:
        """Return the cells of Table 4, the published claims, their windows side by side."""
        rows = []
        for name, entries in self.book.table("claims").groupby("claim", sort=False):
            first, claim = entries.iloc[0], self._claims.get(name)
            where = [{"claim": name, **window} for window in self.windows.values()]
            published = "> 1"
            if first["published"] == first["published"]:
                published = self.book.plain("claims", where[0], "published")
                if claim is not None and claim.comparison == "below":
                    published = f"< {published}"
            row = [self.book.words("claims", where[0], "statement"), published]
            for place, verdict in zip(where, entries["verdict"], strict=True):
                row.append(self.book.interval("claims", place, ("measured", "low", "high")))
                row.append(Strong(verdict) if verdict == "reproduced" else verdict)
            rows.append(row)
        return typst_cells(rows)

    def cells_of_table5(self, settings: Mapping[str, str]) -> Markup:
        """Return the cells of Table 5: settings by their name, and versions, side by side."""
        rows = [[name, self.setting(key)] for name, key in settings.items()]
        versions = self.book.content("config")["versions"]
        rows += [
            [name, self.book.setting("config", f"versions.{name}")]
            for name in ("python", "tensorflow", "keras", "numpy", "snakemake")
            if name in versions
        ]
        rows += [["", ""]] * (len(rows) % 2)
        half = len(rows) // 2
        return typst_cells(map(operator.add, rows[:half], rows[half:]))


def word(metric: str) -> str:
    """Return what a sentence calls a metric."""
    text = METRICS[metric].label
    return text if text.isupper() else text[0].lower() + text[1:].replace("hsc", "HSC")


def main(
    table1: str,
    table3: str,
    cutflow: str,
    claims: str,
    splits: str,
    overlap: str,
    config: str,
    control: str | None,
    claims_file: str,
    figures: Sequence[str],
    pdf: str,
    numbers: str,
    *,
    inputs: Sequence[str],
    redshifts: Mapping[str, str],
) -> None:
    """Write the paper; `inputs` and `redshifts` as `Words` has them."""
    files = {"table1": table1, "table3": table3, "cutflow": cutflow, "claims": claims}
    files |= {"splits": splits, "overlap": overlap, "config": config}
    files |= {"control": control} if control else {}
    book = Book(files)
    paths = {Path(path).stem: Path(path) for path in figures}
    source = compose(Words(book, paths, claims_file, inputs, redshifts), word=word)
    document = typeset(source, paths.values())
    with atomic_path(pdf) as temporary:
        temporary.write_bytes(document)
    write_csv(ledger := book.ledger(), numbers)
    logger.info("%s: %d numbers quoted", pdf, len(ledger))


if __name__ == "__main__":
    run(main, snakemake)
