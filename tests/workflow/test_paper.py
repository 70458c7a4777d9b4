"""The tiny run: its products, its repeatability, and what a change re-makes."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import yaml
from astropy.io import fits

from transferz.catalogues.identity import same_objects

from .conftest import EVERY_JOB, RESULTS, copy_project, digests, run_snakemake

MATCHED = str(RESULTS / "transferz/matched.parquet")
STRATEGIES = ("NN-Base", "NN-TL", "NN-Combo")
PRODUCTS = [
    "transferz/matched.parquet",
    "transferz/transferz.parquet",
    "transferz/cutflow.csv",
    "catalogues/galaxiesml.parquet",
    *(f"release/TransferZ.{suffix}" for suffix in ("fits", "parquet", "csv.gz")),
    *(f"release/{name}" for name in ("README.md", "croissant.json", "SHA256SUMS", "CITATION.cff")),
    *(f"splits/{name}.parquet" for name in ("source", "target", "combo")),
    "metrics/per_seed.csv",
    *(f"tables/table{number}.{suffix}" for number in (1, 2) for suffix in ("csv", "md", "tex")),
    *(f"figures/figure{number}.{suffix}" for number in (1, 2, 3, 4) for suffix in ("pdf", "png")),
    "claims.csv",
    "claims.md",
    "run_config.yaml",
]


def jobs_of_dry_run(output: str) -> dict[str, int]:
    """Return rule -> number of jobs of a dry-run."""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("product", PRODUCTS)
def test_product_is_present(project: Path, product: str) -> None:
    path = project / RESULTS / product
    assert path.is_file()
    assert path.stat().st_size > 0


def test_a_run_says_what_matters_in_a_hundred_lines(project: Path) -> None:
    lines = (project.parent / "terminal.txt").read_text().splitlines()
    assert len(lines) <= 100
    text = "\n".join(lines)
    for stage in ("catalogues", "networks", "evaluation", "diagnostics", "spectra", "report"):
        assert re.search(rf"^\d\d:\d\d  {stage} begins", text, re.MULTILINE)
        assert re.search(rf"^\d\d:\d\d  {stage} done; \d+ of \d+ jobs, about", text, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d  all \d+ jobs done in [\d.]+ minutes$", text, re.MULTILINE)
    assert not re.search("never awaited|pruned|Warning", text)
    # What it leaves out is in Snakemake's log and in those of the jobs.
    log = min((project / ".snakemake/log").glob("*.log")).read_text()
    assert "Training NN-Base, seeds 000-001" in log and "steps (100%) done" in log


def test_the_paper_is_made_before_the_study_of_spectra(project: Path) -> None:
    text = (project.parent / "terminal.txt").read_text()
    assert text.index("evaluation done") < text.index("spectra done")
    assert text.index("networks done") < text.index("diagnostics done")


def test_predictions_hold_every_seed_of_every_strategy_once(project: Path) -> None:
    tables = [
        pd.read_parquet(path) for path in (project / RESULTS / "predictions").glob("*/*.parquet")
    ]
    predictions = pd.concat(tables)
    assert set(predictions["strategy"]) == set(STRATEGIES)
    assert not predictions.duplicated(["strategy", "seed", "dataset", "object_id"]).any()
    counts = predictions.groupby(["strategy", "seed", "dataset"], observed=True).size()
    sizes = counts.groupby("dataset")
    assert (sizes.min() == sizes.max()).all()
    assert predictions["z_pred"].dtype == "float32"
    assert predictions["z_pred"].notna().all()


def test_no_object_trains_in_one_set_and_tests_in_another(project: Path) -> None:
    splits = {
        name: pd.read_parquet(project / RESULTS / f"splits/{name}.parquet")
        for name in ("source", "target", "combo")
    }
    # An identifier names an object within one data set, its position names it across two. Two
    # objects of one data set may lie within an arcsec of each other.
    combo = splits["combo"]
    parts = [("source", splits["source"]), ("target", splits["target"]), *combo.groupby("dataset")]
    for dataset, table in parts:
        seen = table[table["split"] != "test"]
        for other_dataset, other in parts:
            tested = other[other["split"] == "test"]
            if dataset == other_dataset:
                assert not set(seen["object_id"]) & set(tested["object_id"])
            else:
                assert not len(same_objects(seen, tested, one_release=False, radius=1.0).left)
    assert not splits["combo"].duplicated(["dataset", "object_id"]).any()


def test_galaxies_in_both_surveys_are_found(project: Path) -> None:
    """The layers number their galaxies apart, as in the archive: positions tell."""
    overlap = pd.read_csv(project / RESULTS / "splits/overlap.csv").set_index("quantity")["value"]
    truth = pd.read_parquet(project / "data/test/truth.parquet")
    truth = truth[truth["cosmos_id"] >= 0]
    galaxies = []
    for role, file in (("source", "hsc"), ("target", "galaxiesml")):
        rows = pd.read_parquet(project / RESULTS / f"splits/{role}.parquet")["object_id"]
        known = truth[truth["file"] == file]
        galaxies.append(set(known.loc[known["object_id"].isin(rows), "cosmos_id"]))
    assert overlap["objects in both, one to one"] == len(galaxies[0] & galaxies[1]) > 0


def test_second_run_has_nothing_to_do(project: Path) -> None:
    assert "Nothing to be done" in run_snakemake(project, "--cores", "2").stdout


def test_one_deleted_figure_is_the_only_one_made_again(clone: Callable[[], Path]) -> None:
    folder = clone()
    figure = folder / RESULTS / "figures/figure3.pdf"
    before = figure.read_bytes()
    figure.unlink()
    output = run_snakemake(folder, *EVERY_JOB, "--cores", "1").stdout
    made = set(re.findall(r"\(Rule: (\w+)\)", output))
    # And the pages that show it.
    assert {"figure3"} <= made <= {"figure3", "write_paper", "write_index", "all"}
    assert figure.read_bytes() == before


@pytest.mark.parametrize(
    "script", ["figure1", "figure2", "figure3", "figure4", "table1", "table2", "judge_claims"]
)
def test_summaries_do_not_import_tensorflow(root: Path, script: str) -> None:
    code = f"import sys, scripts.evaluation.{script}; sys.exit('tensorflow' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], cwd=root / "workflow")
    assert finished.returncode == 0


def test_an_edited_module_re_runs_its_importers_only(clone: Callable[[], Path]) -> None:
    folder = clone()
    module = folder / "workflow/transferz/report/figures.py"
    module.write_text(module.read_text() + "\n# edited\n")
    jobs = jobs_of_dry_run(run_snakemake(folder, "-n").stdout)
    assert jobs["figure1"] == 1
    assert not {"train", "predict_tests", "evaluate", "crossmatch", "table1"} & set(jobs)


def test_an_edit_that_changes_no_bytes_trains_nothing_again(clone: Callable[[], Path]) -> None:
    """Cuts are edited, the splits made again: networks know them by content, whatever the date."""
    folder = clone()
    module = folder / "workflow/transferz/catalogues/cuts.py"
    module.write_text(module.read_text() + "\n# edited\n")
    planned = jobs_of_dry_run(run_snakemake(folder, "-n").stdout)
    assert planned["split"] == planned["clean_galaxiesml"] == 1
    before = {path: path.stat() for path in (folder / RESULTS).glob("splits/*.parquet")}
    run_snakemake(folder, "--cores", "2", "split")
    assert all(path.stat().st_mtime > old.st_mtime for path, old in before.items())
    # Of the paper's size as well: the limit is the profile's, not Snakemake's megabyte.
    profile = yaml.safe_load((folder / "profiles/default/config.yaml").read_text())
    assert profile["max-checksum-file-size"] == "100MB"
    assert not {"train", "predict_tests", "evaluate"} & set(
        jobs_of_dry_run(run_snakemake(folder, "-n").stdout)
    )


def test_a_touched_module_re_runs_nothing(clone: Callable[[], Path]) -> None:
    folder = clone()
    (folder / "workflow/transferz/networks/training.py").touch()
    assert "Nothing to be done" in run_snakemake(folder, "-n").stdout


@pytest.mark.long
def test_a_strategy_with_classes_of_redshift_joins_a_finished_run(
    clone: Callable[[], Path],
) -> None:
    folder = clone()
    head = {"bins": 40, "z_max": 6, "cross_entropy": 1}
    finished = run_snakemake(
        folder,
        *("distributions", *EVERY_JOB, "--cores", "2"),
        overlay={
            "strategies": {"Soft": {"train_on": "source", "head": head, "max_epochs": 2}},
            "labels": {"Soft": "Soft labels"},
        },
    )
    scores = pd.read_csv(folder / RESULTS / "metrics/distributions/Soft/scores.csv")
    judges = scores.groupby(["dataset", "judged_by"])["seed"].unique().map(list)
    assert dict(judges) == {
        ("target", "label"): [0, 1, 2, 3],
        ("source", "label"): [0, 1, 2, 3],
        ("source", "truth"): [0, 1, 2, 3],
    }
    assert scores["crps"].between(0, 1).all() and scores["coverage_95"].between(0.5, 1).all()
    assert "| Soft labels |" in (folder / RESULTS / "tables/distributions.md").read_text()
    assert (folder / RESULTS / "figures/distributions.pdf").is_file()
    assert "Training Soft" in finished.stdout and "Training NN-" not in finished.stdout


def test_strategies_with_worse_spectra_join_a_finished_run(clone: Callable[[], Path]) -> None:
    """The stress tests in miniature: one strategy, without two surveys of the simulation."""
    folder = clone()
    finished = run_snakemake(
        folder,
        *("stress", *EVERY_JOB, "--cores", "2"),
        overlay={
            "diagnostics": {"stress": {"strategies": ["NN-Combo"], "surveys": ["gama", "vipers"]}},
        },
    )
    sample = pd.read_csv(folder / RESULTS / "samples/NN-Combo-surveys.csv").iloc[0]
    table = pd.read_csv(folder / RESULTS / "figures/stress.csv")
    assert 0.1 < sample["share"] < 0.9
    assert sorted(table["share"].unique()) == [0.0, pytest.approx(sample["share"])]
    assert "Training NN-Combo-surveys" in finished.stdout
    assert "Training NN-Combo," not in finished.stdout


def test_a_learning_rate_retrains_and_nothing_upstream(clone: Callable[[], Path]) -> None:
    folder = clone()
    overlay = {"strategies": {"NN-TL": {"learning_rate": 0.00007}}}
    jobs = jobs_of_dry_run(run_snakemake(folder, "-n", overlay=overlay).stdout)
    chunks = len(list((folder / RESULTS / "models/NN-TL").glob("*.npz")))
    assert jobs["train"] == chunks
    assert not {"simulate_survey", "crossmatch", "split"} & set(jobs)


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"trainig": {"batch_size": 5}}, "unknown key 'trainig'; did you mean 'training'?"),
        ({"training": {"batch_size": "many"}}, "training.batch_size: found 'many'"),
        ({"training": {"batch_size": 0}}, "training.batch_size: found 0, expected at least 1"),
        ({"survey": "moon"}, "survey: found 'moon', expected one of"),
        ({"survey": "custom"}, "custom: found nothing, expected a catalogue"),
        ({"splits": {"fractions": {"train": 0.9}}}, "splits.fractions: found a sum of 1.5"),
        ({"strategies": {"NN-TL": {"start_from": "NN-Bse"}}}, "start_from: found 'NN-Bse'"),
        ({"strategies": {"NN-TL": {"trainable": ["hidden_9"]}}}, "trainable: found hidden_9"),
        ({"strategies": {"NN-TL": {"hidden": [9]}}}, "strategies.NN-TL.hidden: found [9]"),
        ({"strategies": {"NN-Combo": {"low_rank": 4}}}, "low_rank: found 4 without start_from"),
        (
            {"strategies": {"NN-Combo": {"head": {"bins": 9, "z_max": 4, "entropy": 1}}}},
            "strategies.NN-Combo.head: found no loss",
        ),
        (
            {"strategies": {"NN-Base": {"head": {"bins": 9, "z_max": 4, "cross_entropy": 1}}}},
            "strategies.NN-TL.head.bins: found None, expected 9 as in NN-Base",
        ),
        ({"evaluation": {"comparisons": [["A", "NN-TL"]]}}, "evaluation.comparisons: found 'A'"),
        ({"labels": {"tranferz": "X"}}, "labels: unknown key 'tranferz'"),
        (
            {"survey": "archive", "pathvars": {"resources": "data/embedded"}},
            "pathvars.resources: found the folder of the simulated catalogues",
        ),
    ],
)
def test_a_wrong_configuration_is_one_clear_message(
    project: Path, overlay: dict, message: str
) -> None:
    before = digests(project / RESULTS, ("**/*.csv",))
    finished = run_snakemake(project, "--cores", "1", overlay=overlay, check=False)
    assert finished.returncode != 0
    assert message in finished.stdout
    assert "Traceback" not in finished.stdout
    assert digests(project / RESULTS, ("**/*.csv",)) == before


def test_a_missing_column_stops_with_its_name_and_loses_nothing(
    clone: Callable[[], Path],
) -> None:
    folder = clone()
    catalogue = next((folder / "data").rglob("COSMOS2020*.fits"))
    with fits.open(catalogue) as hdus:
        columns = [column for column in hdus[1].columns if column.name != "lp_zPDF"]
        damaged = fits.BinTableHDU.from_columns(fits.ColDefs(columns), header=None)
        fits.HDUList([fits.PrimaryHDU(), damaged]).writeto(catalogue, overwrite=True)
    kept = digests(folder / RESULTS, ("models/**/*", "tables/*", "figures/*.pdf"))
    finished = run_snakemake(folder, "--cores", "1", MATCHED, check=False)
    assert finished.returncode != 0
    assert "lp_zPDF" in finished.stdout
    assert "missing column" in finished.stdout
    assert digests(folder / RESULTS, ("models/**/*", "tables/*", "figures/*.pdf")) == kept


def test_an_empty_selection_names_the_cut_and_loses_nothing(clone: Callable[[], Path]) -> None:
    folder = clone()
    kept = digests(folder / RESULTS, ("models/**/*", "tables/*", "figures/*.pdf"))
    cut = {"selection": {"cuts": {"mass": {"above": 99}}}}
    finished = run_snakemake(folder, "--cores", "1", overlay=cut, check=False)
    assert finished.returncode != 0
    assert "cut 'mass' removed every row" in finished.stdout
    assert digests(folder / RESULTS, ("models/**/*", "tables/*", "figures/*.pdf")) == kept


@pytest.mark.parametrize("damage", ["not a FITS file", "band without a value"])
def test_a_damaged_catalogue_stops_with_its_name(clone: Callable[[], Path], damage: str) -> None:
    folder = clone()
    catalogue = next((folder / "data").rglob("hsc_*.fits"))
    if damage == "not a FITS file":
        catalogue.write_bytes(b"nothing of the kind")
    else:
        with fits.open(catalogue, mode="update") as hdus:
            hdus[1].data["i_cmodel_mag"][:] = float("nan")
    finished = run_snakemake(folder, "--cores", "1", MATCHED, check=False)
    assert finished.returncode != 0
    error = next(line for line in finished.stdout.splitlines() if line.startswith("failed: "))
    assert catalogue.name in error
    assert damage != "band without a value" or "i_cmodel_mag" in error


def test_per_seed_metrics_recomputed_independently(project: Path) -> None:
    per_seed = pd.read_csv(project / RESULTS / "metrics/per_seed.csv")
    tables = [pd.read_parquet(p) for p in (project / RESULTS / "predictions").glob("*/*.parquet")]
    keys = ["strategy", "seed", "dataset"]
    in_range = per_seed[(per_seed["z_min"] == 0.3) & (per_seed["z_max"] == 1.5)].set_index(keys)
    for network, rows in pd.concat(tables).groupby(keys, observed=True):
        inside = rows.astype({"z_true": float, "z_pred": float})
        # Single precision has 0.3 as 0.30000001, which is no more than 0.3.
        inside = inside[inside["z_true"].round(7).between(0.3, 1.5, inclusive="right")]
        dz = (inside["z_pred"] - inside["z_true"]) / (1 + inside["z_true"])
        found = in_range.loc[network]
        expected = {
            "n": len(dz),
            "bias_mean": dz.mean(),
            "bias_median": dz.median(),
            "rms": (dz**2).mean() ** 0.5,
            "scatter_mad": 1.482602218505602 * (dz - dz.median()).abs().median(),
            "outlier_fraction": (dz.abs() > 0.15).mean(),
            "catastrophic_fraction": ((inside["z_pred"] - inside["z_true"]).abs() > 1).mean(),
            "hsc_loss": (1 - 1 / (1 + (dz / 0.15) ** 2)).mean(),
        }
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=1e-6), name


def test_figures_come_back_from_published_predictions(project: Path, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "frozen")
    shutil.copytree(project / "results", folder / "results")
    shutil.copytree(project / "data", folder / "data")
    run_snakemake(folder, "--cores", "1", "--touch")
    (folder / RESULTS / "figures/figure2.png").unlink()
    jobs = jobs_of_dry_run(run_snakemake(folder, "-n").stdout)
    assert jobs["figure2"] == 1
    assert "train" not in jobs


def test_cut_flow_counts_are_conserved(project: Path) -> None:
    with (project / RESULTS / "transferz/cutflow.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    for row, following in pairwise(rows):
        if row["stage"] == following["stage"]:
            assert row["n_out"] == following["n_in"]
    assert all(int(row["n_in"]) - int(row["n_out"]) == int(row["n_removed"]) for row in rows)
    final = pd.read_parquet(project / RESULTS / "transferz/transferz.parquet")
    assert int(rows[-1]["n_out"]) == len(final)
