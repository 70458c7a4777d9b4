"""The pages: short enough to be read, and true of the files that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

import transferz

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
INCLUDE = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
TOP_FOLDERS = r"(?:\.github|config|docs|envs|profiles|tests|workflow)"


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[str, str]:
    """Text of every page that people write, by its path."""
    found = [*root.glob("*.md"), *root.glob("*/README.md"), *root.glob("profiles/*/README.md")]
    found += root.glob("docs/*.md")
    # What lies deeper in docs/ is written by a run, and this one by `make config`.
    found += set(root.glob("docs/*/*.md")) - {root / "docs/reference/configuration.md"}
    return {str(path.relative_to(root)): path.read_text() for path in found}


def prose(text: str) -> str:
    """Return a page without its code, tables, headings and included files."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(?: *\||#|:::|--8<--).*$", "", text, flags=re.MULTILINE)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page: paragraphs and items of lists, cut after full stops."""
    for block in re.split(r"\n\s*\n|\n *(?:-|\d+\.) ", prose(text)):
        yield from re.split(r"(?<=[.!?])[*)]*\s+", re.sub(r"\]\([^)]*\)", "]", block))


def test_the_readme_is_read_in_minutes(pages: dict[str, str]) -> None:
    assert len(pages["README.md"].splitlines()) <= 150


def test_lines_and_sentences_are_short(pages: dict[str, str]) -> None:
    assert len(pages) > 20
    for name, text in pages.items():
        assert [line for line in prose(text).splitlines() if len(line) > 160] == [], name
        assert [each for each in sentences(text) if len(each.split()) > 35] == [], name


def test_sentences_are_found() -> None:
    text = (
        "# Title\n\nOne (two [three](a/b.md)). *Four\nfive.* Six\n\n- Seven\n- Eight\n\n| nine |\n"
    )
    assert [each.split() for each in sentences(text) if each.strip()] == [
        *(["One", "(two", "[three])."], ["*Four", "five."], ["Six"], ["-", "Seven"], ["Eight"]),
    ]


def test_links_and_included_files_exist(root: Path, pages: dict[str, str]) -> None:
    # Made by docs/hooks.py from the rules.
    made = {root / "docs/reference/rules.md"}
    for name, text in pages.items():
        folder = (root / name).parent
        targets = [folder / target for target in LINK.findall(text)]
        targets += [root / target for target in INCLUDE.findall(text)]
        # A folder has no page on the site; files outside docs/ are links to the repository.
        bad = [p for p in targets if p.is_dir() and root / "docs" in p.resolve().parents]
        bad += [path for path in targets if not path.exists() and path not in made]
        assert bad == [], name


def test_files_that_pages_name_exist(root: Path, pages: dict[str, str]) -> None:
    """`workflow/...` and the like, without a placeholder or a pattern in them."""
    for name, text in pages.items():
        named = re.findall(rf"`({TOP_FOLDERS}/[\w./-]+)`", text)
        assert [path for path in named if not (root / path).exists()] == [], name


def test_the_readme_lists_every_room(root: Path, pages: dict[str, str]) -> None:
    rooms = {path.stem for path in (root / "workflow/rules").glob("*.smk")}
    assert rooms <= set(re.findall(r"^\| `(\w+)` \|", pages["README.md"], re.MULTILINE))


def test_pictures_and_notebooks_of_the_pages_are_small(root: Path) -> None:
    paths = [path for path in (root / "docs").rglob("*.*") if path.suffix in (".png", ".ipynb")]
    assert paths
    assert all(path.stat().st_size < 300_000 for path in paths)


def test_placeholders_stand_in_one_place(root: Path, pages: dict[str, str]) -> None:
    citation = (root / "CITATION.cff").read_text()
    assert yaml.safe_load(citation)["repository-code"].startswith("https://github.com/")
    assert not any("OWNER/" in text or "zenodo.000" in text for text in pages.values())


def test_the_version_is_the_same_everywhere(root: Path, pages: dict[str, str]) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["version"] == transferz.__version__
    heading = f"## [{citation['version']}] - {citation['date-released']}"
    assert heading in pages["CHANGELOG.md"].splitlines()


def test_two_processors_agree_as_the_page_says(root: Path, pages: dict[str, str]) -> None:
    here, there = (
        pd.read_csv(root / f"docs/results/default/{name}.csv") for name in ("claims", "claims_amd")
    )
    both = here.merge(there, on=["claim", "z_min", "z_max"], suffixes=("", "_there"))
    assert len(both) == len(here)
    inside = (both["low"] <= both["measured_there"]) & (both["measured_there"] <= both["high"])
    assert inside.all()
    assert (both["verdict"] == both["verdict_there"]).all()
    assert f"All {len(both)} intervals" in pages["docs/results/default.md"]


def test_times_are_those_of_the_two_runs(root: Path, pages: dict[str, str]) -> None:
    """README and the page quote the committed files."""
    page, folder = pages["docs/results/speed.md"], root / "docs/results/speed"
    runs = pd.read_csv(folder / "runs.csv").set_index("name")
    minutes = {name: runs[name] / 60 for name in ("seconds", "seconds_to_claims")}
    for label, values, form in (
        ("the whole run, minutes", minutes["seconds"], ".1f"),
        ("until the claims are there, minutes", minutes["seconds_to_claims"], ".1f"),
        ("lines on the terminal", runs["terminal_lines"], ","),
    ):
        assert f"| {label} | {values['before']:{form}} | {values['now']:{form}} |" in page
    whole, claims = (f"{values['now']:.0f}" for values in minutes.values())
    assert (
        f"takes {whole} minutes on two cores of an Intel Xeon, the claims {claims} of"
        in pages["README.md"]
    )
    sums = {}
    for name in runs.index:
        table = pd.read_csv(folder / f"{name}.csv")
        parts = {
            "seconds in jobs: networks of the paper": table["rule"] == "train",
            "study of spectra": table["rule"].str.contains("spectra"),
            "control": table["rule"].str.contains("control"),
        }
        parts["all else"] = ~pd.DataFrame(parts).any(axis=1)
        sums[name] = {part: f"{table['wall_s'][rows].sum():,.0f}" for part, rows in parts.items()}
    for part, before in sums["before"].items():
        assert f"| {part} | {before} | {sums['now'][part]} |" in page
    for row in pd.read_csv(folder / "cores.csv").itertuples():
        assert f"| {row.cores} | {row.seconds / 60:.1f} | {row.speed:.1f} |" in page


def test_the_page_of_stress_tests_quotes_its_table(root: Path, pages: dict[str, str]) -> None:
    table = pd.read_csv(root / "docs/results/stress/stress.csv")
    table = table[(table["dataset"] == "target") & (table["metric"] == "outlier_fraction")]
    shares = table.groupby("change")["share"].transform("max") == table["share"]
    worst = table[shares].pivot_table(index="change", columns="strategy", values="value")
    rows = {
        "faint": "the faintest three quarters lost",
        "redshift": "the farthest half lost",
        "type": "the reddest half lost",
        "surveys": "two surveys lost, 15% of the galaxies",
        "lines": "a fifth with the redshift of a wrong line",
    }
    for change, label in rows.items():
        cells = [
            f"{100 * worst.loc[change, name]:.1f}%" for name in ("NN-Spec", "NN-TL", "NN-Combo")
        ]
        assert f"| {label} | {' | '.join(cells)} |" in pages["docs/results/stress.md"]


def test_the_page_of_fluxes_quotes_its_tables(root: Path, pages: dict[str, str]) -> None:
    folder = root / "docs/results/fluxes"
    table = pd.read_csv(folder / "truth.csv")
    table = table[table["judged_by"] == "label"].set_index(["metric", "strategy"])
    faint = pd.read_csv(folder / "per_magnitude.csv").set_index(["mag_min", "strategy"])
    for metric, form in (
        ("scatter_mad", "{:.4f} ± {:.4f}"),
        ("outlier_fraction", "{:.1%} ± {:.1%}"),
    ):
        for way in ("Base", "TL", "Combo"):
            names = [f"{kind}-{way}" for kind in ("NN", "Asinh", "Errors", "Asinh-errors")]
            everywhere = [table.loc[(metric, name), ["mean", "spread"]] for name in names]
            at_the_end = [faint.loc[(24.5, name), [metric, f"{metric}_spread"]] for name in names]
            for label, rows in (("", everywhere), (", y from 24.5 to 25", at_the_end)):
                cells = (form.format(*row).replace("% ±", " ±") for row in rows)
                line = f"| NN-{way}{label} | {' | '.join(cells)} |"
                assert line in pages["docs/results/fluxes.md"]
    for row in pd.read_csv(folder / "non_detections.csv").itertuples():
        line = (
            f"| {row.inputs} | {row.galaxies} | {row.n:,} | {row.scatter_mad:.4f} | "
            f"{row.outlier_fraction:.1%} | {row.coverage_68:.0%} | {row.width_68:.3f} |"
        )
        assert (line in pages["docs/results/fluxes.md"]) == (row.galaxies != "all")


def test_the_page_of_large_catalogues_quotes_its_table(root: Path, pages: dict[str, str]) -> None:
    table = pd.read_csv(root / "docs/results/large_catalogues.csv")
    rows, seconds = table["rows"].sum(), table["processor_seconds"].sum()
    assert rows == 10**7
    memory = table["peak_memory_mb"].max() / 1024
    line = (
        f"| 10<sup>7</sup> | {seconds:,.0f} | {round(rows / seconds, -1):,.0f} | {memory:.1f} GiB |"
    )
    page = pages["docs/how-to/large-catalogues.md"]
    assert line in page
    assert f"two cores need {seconds / 2 / 60:.0f} minutes" in page
    assert f"on 1,000 cores take {10**9 / (1000 * rows / seconds) / 60:.1f} minutes" in page
