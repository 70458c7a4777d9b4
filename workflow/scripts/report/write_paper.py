"""Write the summary paper of a run: words, figures and tables, every number from a result file.

Inputs
    table1, table3, cutflow, claims, splits, control : CSV products (control: embedded survey only)
    config : run_config.yaml
    claims_file : config/claims.yaml, for where each claim is shown
    figures : PDF figures, their captions (Markdown, for the alternative texts) beside them

Outputs
    pdf : the paper
    numbers : every number in its words and tables, and where it comes from, as CSV
"""

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typst

from transferz.core.errors import InputError
from transferz.core.logs import job
from transferz.core.products import atomic_path, write_csv
from transferz.evaluation.baselines import baseline_names, display_name
from transferz.evaluation.claims import VERDICTS, read_claims
from transferz.evaluation.metrics import METRICS
from transferz.report.paper import TEMPLATE, Book, comparison, listing, requirement_sentences
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

TARGET, SOURCE = "galaxiesml", "transferz"
PAPER = "Soriano et al. 2024 (arXiv:2411.18054)"
SURVEYS = {"embedded": "embedded survey", "archive": "real catalogues", "custom": "own catalogues"}
# Of the figures that are not as wide as the page.
WIDTHS = {"figure4": 0.8, "control": 0.88, "trends_redshift": 0.78}
RATIO = ("ratio", "low", "high")
Item = dict[str, object]


class Writer:
    """The words of the paper for one run.

    Parameters
    ----------
    book : Book
        Holds ``table1, table3, cutflow, claims, splits, config`` and perhaps ``control``.
    inputs : sequence of str
        Names of the catalogues that the source data set is made from.
    """

    def __init__(self, book: Book, inputs: Sequence[str]) -> None:
        self.book, self.inputs = book, list(inputs)
        self.config = book.content("config")["config"]
        self.labels = self.config["labels"]
        self.strategies = list(dict.fromkeys(book.table("table1")["strategy"]))
        # The order of the configuration is lost in run_config.yaml, that of the table is kept.
        self.first, self.others = self.strategies[0], self.strategies[1:]
        self.metrics = {name: self.word(name) for name in self.config["figures"]["figure3_metrics"]}

    def name(self, key: str) -> str:
        """Return a display name."""
        return self.labels.get(key, key)

    @staticmethod
    def word(metric: str) -> str:
        """Return what a sentence calls a metric."""
        text = METRICS[metric].label
        return text if text.isupper() else text[0].lower() + text[1:].replace("hsc", "HSC")

    def setting(self, key: str) -> str:
        """Return a value of the configuration."""
        return self.book.setting("config", f"config.{key}")

    def z_range(self) -> str:
        """Return the headline range of redshift."""
        low, high = (
            self.book.plain("table1", {"dataset": TARGET, "strategy": self.first}, column)
            for column in ("z_min", "z_max")
        )
        return f"{low} ≤ z ≤ {high}"

    def n_seeds(self) -> str:
        """Return the number of seeds."""
        return self.book.count("table1", {"dataset": TARGET, "strategy": self.first}, "n_seeds")

    def n_test(self, dataset: str) -> str:
        """Return the number of test galaxies in the headline range."""
        return self.book.count("table1", {"dataset": dataset, "strategy": self.first}, "n_galaxies")

    # ------------------------------------------------------------------------------ sections

    def abstract(self) -> str:
        """Return the summary."""
        verdicts = [
            f"{self.book.total('claims', {'verdict': verdict})} {verdict}" for verdict in VERDICTS
        ]
        changes = [
            comparison(self.book, TARGET, self.first, other, self.metrics, self.labels)
            for other in self.others
        ]
        return " ".join(
            [
                f"Networks that turn {', '.join(self.config['bands'])} magnitudes into redshifts "
                f"learn here from two kinds of truth: {self.name(SOURCE)}, whose redshifts are "
                f"photometric and cover many kinds of galaxy, and {self.name(TARGET)}, whose "
                "redshifts are spectroscopic and precise but of galaxies that spectrographs "
                f"favour. For each of {listing(map(self.name, self.strategies))} "
                f"we train {self.n_seeds()} networks from different seeds and test them on both, "
                f"at {self.z_range()}.",
                f"On {self.name(TARGET)}, measured against {self.name(self.first)}:"
                if changes
                else "",
                *changes,
                f"Of the published claims judged on this run, {listing(verdicts)}.",
            ]
        ).replace("  ", " ")

    def data(self) -> list[Item]:
        """Return the section on the data sets."""
        flow = self.book.table("cutflow")
        first, last = int(flow["step"].iloc[0]), int(flow["step"].iloc[-1])
        splits = {
            sample: [
                self.book.count("splits", {"sample": sample, "dataset": sample, "split": part}, "n")
                for part in ("train", "validation", "test")
            ]
            for sample in (SOURCE, TARGET)
        }
        shared = [
            self.book.count("splits", {"sample": "shared", "split": part}, "n")
            for part in ("train", "validation", "test")
        ]
        origin = {
            "embedded": "The archives' catalogues cannot be passed on with the workflow. This run "
            "stands on a simulated survey in their file formats, on which the real readers, match "
            "and cuts work; it says how the method behaves, not what the sky is like.",
            "archive": "This run stands on the catalogues as the archives give them out.",
            "custom": "This run stands on two catalogues that its user named.",
        }.get(self.config["survey"], "")
        return [
            text(
                f"{self.name(SOURCE)}, the source of knowledge, comes from "
                f"{listing(self.inputs)}. Of "
                f"{self.book.count('cutflow', {'step': first}, 'n_in')} rows at the first step, "
                f"{self.book.count('cutflow', {'step': last}, 'n_out')} galaxies remain after the "
                f"last (Figure 4, Table 2). {self.name(TARGET)}, the target, brings spectroscopic "
                f"redshifts to the same photometry. {origin}"
            ),
            text(
                "Training, validation and test rows number "
                f"{listing(splits[SOURCE])} in {self.name(SOURCE)} and {listing(splits[TARGET])} "
                f"in {self.name(TARGET)}. Objects that are in both ({listing(shared)} in the three "
                "parts) sit in the same part of each, so that nothing that is tested was trained "
                "on under another name. Figure 1 shows how different the two are."
            ),
        ]

    def strategy_line(self, name: str) -> str:
        """Return one line on how a strategy is trained."""
        entry = self.config["strategies"][name]
        sample = entry["train_on"]
        rows = f"{self.name(SOURCE)} and {self.name(TARGET)} together"
        parts = [f"trained on {rows if sample == 'combo' else self.name(sample)}"]
        if entry.get("start_from"):
            parts.append(f"from the {self.name(entry['start_from'])} of the same seed on")
        skipped = ("train_on", "start_from")
        for key in sorted(set(entry) - set(skipped)):
            value = self.book.setting("config", f"config.strategies.{name}.{key}")
            parts.append(f"{key.replace('_', ' ')}: {value}")
        return f"{self.name(name)}: {', '.join(parts)}."

    def method(self) -> list[Item]:
        """Return the section on networks and metrics."""
        requirements = self.config["evaluation"]["requirements"]
        limits = [
            f"{kind} {self.setting(f'evaluation.requirements.{kind}')}"
            for kind, limit in requirements.items()
            if limit is not None
        ]
        skip = ", the inputs joined to the last of them," if self.config["network"]["skip"] else ""
        return [
            text(
                "A network reads the magnitudes, scaled to the range of its training rows, "
                f"through hidden layers of {self.setting('network.hidden')} units "
                f"({self.setting('network.activation')}){skip} and gives one number, the "
                f"redshift. The loss is {self.setting('training.loss')} with scale "
                f"{self.setting('training.gamma')}; the optimiser "
                f"{self.setting('training.optimizer')} at a rate of "
                f"{self.setting('training.learning_rate')}, in batches of "
                f"{self.setting('training.batch_size')}, for at most "
                f"{self.setting('training.max_epochs')} epochs, fewer when the validation loss has "
                f"not fallen for {self.setting('training.patience')}; the best epoch is kept. "
                "The strategies are:"
            ),
            {"kind": "list", "entries": [self.strategy_line(name) for name in self.strategies]},
            text(
                "With dz = (z_pred − z_true) / (1 + z_true) we measure "
                + listing(
                    [f"the {word} ({METRICS[m].definition})" for m, word in self.metrics.items()]
                )
                + f", for {self.z_range()}, on {self.n_test(TARGET)} test galaxies of "
                f"{self.name(TARGET)} and {self.n_test(SOURCE)} of {self.name(SOURCE)}, seed by "
                "seed. Numbers are means and standard deviations over seeds."
                + (f" Requirements of LSST: {listing(limits)}." if limits else "")
            ),
        ]

    def results(self) -> list[Item]:
        """Return the section on what the strategies reach."""
        needed = {m: (w, METRICS[m].requirement) for m, w in self.metrics.items()}
        items = [
            text("Figure 2 shows one network of each strategy, Figure 3 and Table 1 all of them.")
        ]
        for dataset in (TARGET, SOURCE):
            sentences = [
                comparison(self.book, dataset, self.first, other, self.metrics, self.labels)
                for other in self.others
            ]
            requirement = requirement_sentences(
                self.book, dataset, self.strategies, needed, self.labels
            )
            role = "target" if dataset == TARGET else "source"
            start = f"On {self.name(dataset)}, the {role}, against {self.name(self.first)}:"
            parts = [start, *sentences] if sentences else []
            items.append(text(" ".join([*parts, requirement])))
        return items

    def control(self) -> list[Item]:
        """Return the paragraph on the representative control; nothing where there is none."""
        if "control" not in self.book.files:
            return []
        smaller, sentences = [], []
        n = self.book.count(
            "control",
            {
                "target": "control",
                "metric": next(iter(self.metrics)),
                "strategy": self.others[0],
            },
            "n_seeds",
        )
        for metric, word in self.metrics.items():
            phrases = []
            for other in self.others:
                where = {"metric": metric, "strategy": other}
                places = [where | {"target": target} for target in (TARGET, "control")]
                found = [self.book.interval("control", place, RATIO) for place in places]
                ends = [self.book.value("control", places[0], "low")]
                ends.append(self.book.value("control", places[1], "high"))
                smaller.append(ends[1] < ends[0])
                phrases.append(f"{found[0]} against {found[1]} for {self.name(other)}")
            sentences.append(f"in the {word}, {listing(phrases)}")
        share = sum(smaller) / len(smaller)
        how = (
            "in every comparison"
            if share == 1
            else "in most comparisons"
            if share > 0.5
            else "in some comparisons"
            if share > 0
            else "in no comparison"
        )
        return [
            text(
                "What drives the gain? In the control the target is drawn representatively to "
                f"the flux limit of {self.name(SOURCE)}, with the same photometry and with true "
                f"redshifts, and what learns from the target is trained anew for {n} seeds. "
                f"The error of {self.name(self.first)} over that of the other strategy is, on "
                f"{self.name(TARGET)} against the control: {'; '.join(sentences)}. The gain is "
                f"smaller with the control, the intervals apart, {how} (Figure 5)."
            )
        ]

    def baselines(self) -> list[Item]:
        """Return the paragraph and the table on the baselines."""
        metrics = list(self.metrics)
        rows = []
        for name in [*baseline_names(), *self.strategies]:
            places = [{"dataset": dataset, "strategy": name} for dataset in (TARGET, SOURCE)]
            numbers = [
                self.book.spread("table3", place, metric) for place in places for metric in metrics
            ]
            rows.append([cell(display_name(name, self.labels)), *map(cell, numbers)])
        header = [
            f"{METRICS[metric].label}, {self.name(dataset)}"
            for dataset in (TARGET, SOURCE)
            for metric in metrics
        ]
        return [
            text(
                "What are the networks worth? Table 3 puts them beside an estimate without "
                "photometry, which gives every galaxy the median redshift of the training sample, "
                "and beside random forests on the same rows and magnitudes."
            ),
            grid(
                "Table 3.",
                "The networks beside the training n(z) alone and beside random forests, "
                f"{self.z_range()}; named is the training sample. Mean and standard deviation "
                "over seeds.",
                ["Estimate", *header],
                rows,
                ["auto", *["1fr"] * len(header)],
                ["left", *["right"] * len(header)],
            ),
        ]

    def trends(self, number: int) -> list[Item]:
        """Return the paragraph on trends with redshift."""
        names = [self.word(name) for name in self.config["diagnostics"]["trend_metrics"]]
        return [
            text(
                "Averages over a wide range hide where a strategy fails: Figure "
                f"{number} resolves {listing(names)} by redshift."
            )
        ]

    def claims(self, claims_file: str | Path) -> list[Item]:
        """Return the section on the published claims."""
        table = self.book.table("claims")
        described = {claim.claim: claim for claim in read_claims(claims_file)}
        rows = []
        for entry in table.itertuples():
            where = {"claim": entry.claim}
            claim = described.get(entry.claim)
            below = claim is not None and claim.comparison == "below"
            if entry.published == entry.published:
                published = self.book.plain("claims", where, "published")
                published = f"< {published}" if below else published
            else:
                published = "> 1"
            shown = claim.shown_in if claim is not None else ""
            rows.append(
                [
                    cell(self.book.words("claims", where, "statement")),
                    cell(published),
                    cell(self.book.interval("claims", where, ("measured", "low", "high"))),
                    cell(entry.verdict, bold=entry.verdict == "reproduced"),
                    cell(shown.replace("figure", "Figure ").replace("table", "Table ")),
                ]
            )
        counts = [
            f"{self.book.total('claims', {'verdict': verdict})} {verdict}" for verdict in VERDICTS
        ]
        return [
            text(
                f"Table 4 judges what {PAPER} states in words. A ratio above 1 confirms the "
                "direction of a claim; its size agrees when the interval over seeds meets the "
                "range that the claim's tolerance allows. Direction and size make a claim "
                "reproduced, one of them partly. A requirement is met when the whole interval "
                f"lies below it. Verdicts: {listing(counts)}."
            ),
            grid(
                "Table 4.",
                "Published claims, our numbers with their 95% interval over seeds, and verdicts.",
                ["Claim", "Published", "Measured", "Verdict", "Shown in"],
                rows,
                ["1fr", "auto", "auto", "auto", "auto"],
                ["left", "right", "right", "left", "left"],
            ),
        ]

    # --------------------------------------------------------------------------------- tables

    def table1(self) -> Item:
        """Return Table 1."""
        metrics = self.config["evaluation"]["table_metrics"]
        table = self.book.table("table1")
        rows = []
        for entry in table.itertuples():
            where = {"dataset": entry.dataset, "strategy": entry.strategy}
            line = [cell(self.name(entry.dataset)), cell(self.name(entry.strategy))]
            for metric in metrics:
                best = bool(getattr(entry, f"{metric}_best"))
                line.append(cell(self.book.spread("table1", where, metric), bold=best))
            rows.append(line)
        return grid(
            "Table 1.",
            f"Mean and standard deviation over seeds of each metric, {self.z_range()}. Bold: "
            "smallest in absolute value, significantly so against every other strategy.",
            ["Test set", "Strategy", *(METRICS[metric].label for metric in metrics)],
            rows,
            ["auto", "auto", *["1fr"] * len(metrics)],
            ["left", "left", *["right"] * len(metrics)],
        )

    def table2(self) -> Item:
        """Return Table 2, the cut flow."""
        rows = []
        for entry in self.book.table("cutflow").itertuples():
            where = {"step": int(entry.step)}
            counts = [self.book.count("cutflow", where, c) for c in ("n_in", "n_out", "n_removed")]
            rows.append(
                [
                    cell(self.book.words("cutflow", where, "cut")),
                    cell(self.book.words("cutflow", where, "description")),
                    *map(cell, counts),
                    cell(self.book.percent("cutflow", where, "fraction")),
                ]
            )
        return grid(
            "Table 2.",
            f"Cut flow of {self.name(SOURCE)}. Kept is the share of what came in.",
            ["Cut", "Keeps", "In", "Out", "Removed", "Kept (%)"],
            rows,
            ["auto", "1fr", "auto", "auto", "auto", "auto"],
            ["left", "left", "right", "right", "right", "right"],
        )

    def table5(self) -> Item:
        """Return Table 5, the configuration."""
        keys = {
            "Survey": "survey",
            "Bands": "bands",
            "First seed": "seeds.first",
            "Seeds": "seeds.count",
            "Range of redshift": "evaluation.z_range",
            "Inputs": "network.inputs",
            "Schedule of the rate": "training.schedule",
            "Splits, seed": "splits.seed",
            "Splits, source": "splits.method.transferz",
            "Splits, target": "splits.method.galaxiesml",
        }
        if self.config["survey"] != "custom":
            keys["Match radius (arcsec)"] = "crossmatch.radius"
        if self.config["survey"] == "embedded":
            keys["Simulation, seed"] = "embedded.seed"
        rows = [[cell(name), cell(self.setting(key))] for name, key in keys.items()]
        versions = self.book.content("config")["versions"]
        rows += [
            [cell(name), cell(self.book.setting("config", f"versions.{name}"))]
            for name in ("python", "tensorflow", "keras", "numpy", "snakemake")
            if name in versions
        ]
        if len(rows) % 2:
            rows.append([cell(""), cell("")])
        half = len(rows) // 2
        return grid(
            "Table 5.",
            "Configuration and versions of this run; all of it is in run_config.yaml.",
            ["Setting", "Value", "Setting", "Value"],
            [[*first, *second] for first, second in zip(rows[:half], rows[half:], strict=True)],
            ["1fr"] * 4,
            ["left"] * 4,
        )


def text(words: str) -> Item:
    """Return a paragraph; numbers stay with their uncertainties."""
    return {"kind": "text", "text": words.strip().replace(" ± ", "\u00a0±\u00a0")}


def cell(words: str, bold: bool = False) -> dict[str, object]:
    """Return a cell of a table."""
    return {"text": words.replace(" ± ", "\u00a0±\u00a0"), "bold": bold}


def grid(
    title: str,
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Mapping]],
    widths: Sequence[str],
    align: Sequence[str],
) -> Item:
    """Return a table."""
    return {
        "kind": "table",
        "title": title,
        "caption": caption,
        "header": list(header),
        "rows": rows,
        "widths": list(widths),
        "align": list(align),
    }


def alternative_text(figure: Path) -> str:
    """Return the alternative text that a figure's caption file gives."""
    caption = figure.with_suffix(".md")
    if not caption.is_file():
        raise InputError("product missing", file=caption, fix="make the figure again")
    return caption.read_text(encoding="utf-8").partition("Alt text: ")[2].strip()


def picture(path: Path, title: str, caption: str, width: float = 1.0) -> Item:
    """Return a figure.

    Raises
    ------
    InputError
        If it is missing or empty.
    """
    if not path.is_file() or not path.stat().st_size:
        raise InputError("product missing or empty", file=path, fix="make it, then the paper")
    return {
        "kind": "figure",
        "file": path.name,
        "alt": alternative_text(path),
        "title": title,
        "caption": caption,
        "width": width,
    }


def compose(writer: Writer, figures: Mapping[str, Path], claims_file: str | Path) -> Item:
    """Return the content of the paper for the template."""
    target, source = writer.name(TARGET), writer.name(SOURCE)
    survey = writer.config["survey"]
    captions = {
        "figure1": f"Redshift, magnitude and colour of {target} (blue) and {source} (orange).",
        "figure2": f"Predicted against true redshift on the test set of {target}, one network of "
        "each strategy; below, the relative error with its running median.",
        "figure3": "Every strategy on both test sets: means, standard deviations and single seeds.",
        "figure4": f"How {source} is made; the numbers at the arrows are objects.",
        "control": "What drives the gain: target, representative control and source (top), and "
        f"the gain over {writer.name(writer.first)} on target and control (bottom).",
        "trends_redshift": "Metrics against true redshift on both test sets: medians and central "
        "68% over seeds, with the number of galaxies per bin on top.",
    }
    numbers = {"control": 5, "trends_redshift": 6 if "control" in figures else 5}
    pictures = {
        name: picture(
            path,
            f"Figure {numbers.get(name, name[-1])}.",
            captions[name],
            WIDTHS.get(name, 1.0),
        )
        for name, path in figures.items()
    }
    revision = writer.book.setting("config", "git_revision")
    sections = {
        "Two kinds of truth": [pictures["figure1"], *writer.data()],
        "Strategies": [*writer.method(), pictures["figure2"]],
        "Results": [pictures["figure3"], *writer.results(), writer.table1()],
        f"From catalogues to {source}": [
            text(
                f"Figure 4 and Table 2 follow the objects from the input catalogues to {source}. "
                "Each cut is an entry of the configuration, with its column and limit."
            ),
            pictures["figure4"],
            writer.table2(),
        ],
        "Behind the numbers": [
            *([pictures["control"]] if "control" in pictures else []),
            *writer.control(),
            *writer.baselines(),
            *writer.trends(numbers["trends_redshift"]),
            pictures["trends_redshift"],
        ],
        "Published claims": writer.claims(claims_file),
        "Configuration": [
            text(
                "Table 5 lists the settings behind these pages. The same configuration on the "
                "same type of processor gives the same numbers, digit by digit."
            ),
            writer.table5(),
        ],
    }
    return {
        "title": "Redshifts from two kinds of truth",
        "running": "Redshifts from two kinds of truth",
        "survey": SURVEYS.get(survey, survey),
        "warning": survey != "archive",
        "note": survey_note(survey),
        "byline": f"A reproduction of {PAPER}, written by the workflow from its own result files "
        f"(revision {revision}).",
        "abstract": writer.abstract().replace(" ± ", "\u00a0±\u00a0"),
        "sections": [{"title": title, "items": items} for title, items in sections.items()],
    }


def main(
    files: Mapping[str, str | Path],
    claims_file: str | Path,
    figures: Sequence[str | Path],
    template: str | Path,
    pdf: str | Path,
    numbers: str | Path,
    *,
    inputs: Sequence[str],
) -> None:
    """Write the paper.

    Parameters
    ----------
    files : mapping
        ``table1, table3, cutflow, claims, splits, config`` and perhaps ``control`` to paths.
    claims_file : path-like
        The published claims.
    figures : sequence of path-like
        PDF files named by the figure.
    template : path-like
        Typst.
    pdf, numbers : path-like
        Outputs.
    inputs : sequence of str
        Names of the catalogues behind the source data set.

    Raises
    ------
    InputError
        If a product is missing, lacks a number, or the template does not compile.
    """
    book = Book(files)
    paths = {Path(path).stem: Path(path) for path in figures}
    content = compose(Writer(book, inputs), paths, claims_file)
    with tempfile.TemporaryDirectory() as folder:
        for path in paths.values():
            shutil.copyfile(path, Path(folder, path.name))
        source = Path(folder, "paper.typ")
        shutil.copyfile(template, source)
        Path(folder, "paper.json").write_text(json.dumps(content), encoding="utf-8")
        try:
            document = typst.compile(str(source), root=folder, ignore_system_fonts=True)
        except typst.TypstError as error:
            reason = str(error).splitlines()[0]
            raise InputError("the paper cannot be set", file=template, found=reason) from error
    with atomic_path(pdf) as temporary:
        temporary.write_bytes(document)
    ledger = book.ledger()
    write_csv(ledger, numbers)
    logger.info("%s: %d numbers quoted", pdf, len(ledger))


if __name__ == "__main__":
    with job(snakemake.log[0]):
        main(
            {
                name: snakemake.input[name]
                for name in ("table1", "table3", "cutflow", "claims", "splits", "config", "control")
                if snakemake.input.get(name)
            },
            snakemake.input.claims_file,
            snakemake.input.figures,
            TEMPLATE,
            snakemake.output.pdf,
            snakemake.output.numbers,
            inputs=snakemake.params.inputs,
        )
