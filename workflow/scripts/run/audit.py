"""Audit a finished run: hold its products against each other, list versions and checksums.

Inputs
    catalogues, cut flows, splits, models, histories, predictions, metrics, tables, run_config.yaml;
    whatever else lies in the results folder is listed with its checksum

Outputs
    page : audit.md, the checks, versions, git revision and checksums for a reader
    table : audit.csv, the checks: subject, invariant, found, result
    manifest : audit.sha256, read by `sha256sum --check`, with time stamps; the next audit compares
        with it and so finds files that were damaged on disk: changed, with the old time stamp

Fails when an invariant does not hold; the log then has the whole page.
"""

import logging
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.core.products import read_parquet, write_csv, write_text
from transferz.evaluation.bins import Ranges
from transferz.report.tables import markdown_table
from transferz.run import invariants
from transferz.run.invariants import FAILED, NOTED, PASSED, Check

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

PACKAGES = ("astropy", "numpy", "pandas", "pyarrow")
DATASETS = ("source", "target")


def checks_of(files: Mapping[str, object], settings: Mapping[str, object]) -> list[Check]:
    """Return every check of a run, from the inputs of the rule by name and its settings."""
    datasets = [name for name in DATASETS if files[name]]
    splits = {name: files[f"split_{name}"] for name in (*DATASETS, "combo")}
    splits = {name: path for name, path in splits.items() if path}
    checks: list[Check] = []

    def hold(function: Callable[..., list[Check]], *arguments: object, **options: object) -> None:
        checks.extend(invariants.guarded(function, *arguments, **options))

    for name in datasets:
        hold(invariants.check_cutflow, files[f"cutflow_{name}"], files[name])
        hold(invariants.check_catalogue, files[name], settings["bands"])
    if files["matched"]:
        hold(invariants.check_matched, files["matched"], settings["radius"])
    catalogues = {name: files[name] for name in datasets}
    hold(invariants.check_splits, splits, catalogues, **settings["identity"], subject="splits")
    try:
        tests = {name: rows_of_test_set(splits[name]) for name in datasets}
    except InputError as error:
        return [*checks, invariants.check("splits", "can be read", False, error)]
    shown = set()
    # Networks of ensembles are in no table: nothing is predicted with each of them.
    ensembles = zip(files["ensemble_models"] or (), files["ensemble_histories"] or (), repeat(None))
    chunks = zip(files["models"], files["histories"], files["predictions"], strict=True)
    for model, history, predictions in (*chunks, *ensembles):
        hold(invariants.check_models, model, history, predictions, tests)
        if Path(model).parent not in shown:
            hold(invariants.check_training_range, model, tests)
        shown.add(Path(model).parent)
    evaluation = settings["evaluation"]
    hold(
        invariants.check_predictions,
        files["predictions"],
        tests,
        files["per_seed"],
        strategies=settings["strategies"],
        seeds=settings["seeds"],
        ranges=Ranges(**{field.name: evaluation[field.name] for field in fields(Ranges)}),
        subject="predictions",
    )
    hold(invariants.check_table1, files["table1"], files["per_seed"], evaluation["z_range"])
    hold(invariants.check_table2, files["table2"], files["cutflow_source"])
    if files["release"]:
        hold(invariants.check_listed_checksums, files["release"])
    return checks


def rows_of_test_set(path: str | Path) -> pd.DataFrame:
    """Return the rows of the test set, in the order of the file."""
    table = read_parquet(path)
    return table[table["split"] == "test"].reset_index(drop=True)


def checksums(folders: Sequence[str | Path], *, leave_out: Sequence[str | Path]) -> dict[str, str]:
    """Return path -> SHA-256 of all files below `folders`, hidden ones and `leave_out` excepted."""
    omitted = {Path(path) for path in leave_out}
    paths = sorted({path for folder in folders for path in Path(folder).rglob("*")})
    return {
        str(path): invariants.sha256(path)
        for path in paths
        if path.is_file()
        and path not in omitted
        and not any(part.startswith(".") for part in path.parts)
        and "benchmarks" not in path.parts
    }


def manifest_text(files: Mapping[str, str], stamps: Mapping[str, int]) -> str:
    """Return a manifest: `sha256sum --check` reads it and skips the time stamps (ns)."""
    return "".join(f"# {stamps[name]}\n{digest}  {name}\n" for name, digest in files.items())


def read_manifest(path: str | Path) -> tuple[dict[str, str], dict[str, int]]:
    """Return SHA-256 and time stamp by path; nothing where there is no manifest."""
    files: dict[str, str] = {}
    stamps: dict[str, int] = {}
    stamp = 0
    if Path(path).is_file():
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            first, name = line.split(maxsplit=1)
            if first == "#":
                stamp = int(name)
            else:
                files[name], stamps[name] = first, stamp
    return files, stamps


def page_text(
    checks: Sequence[Check],
    files: Mapping[str, str],
    run: Mapping[str, object],
    revision: str,
    *,
    manifest: str | Path,
    date: str,
) -> str:
    """Return the page for a reader; failures first among the checks, then what is noted."""
    counts = {result: sum(check.result == result for check in checks) for result in (FAILED, NOTED)}
    verdict = (
        f"**{counts[FAILED]} of {len(checks)} checks FAILED.**"
        if counts[FAILED]
        else f"**Signed off on {date}: none of {len(checks)} checks failed, {counts[NOTED]} "
        "noted** (noted: no mistake, but a reader should know)."
    )
    here = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    versions = {str(name): str(value) for name, value in run.get("versions", {}).items()}
    names = sorted(versions.keys() | here.keys())
    ordered = sorted(checks, key=lambda check: [FAILED, NOTED, PASSED].index(check.result))
    rows = [[check.result, check.subject, check.invariant, check.found] for check in ordered]
    return "\n\n".join(
        [
            "# Audit",
            verdict,
            f"Revision of the workflow: {run.get('git_revision', 'unknown')} when the "
            f"configuration was recorded, {revision} at this audit.",
            "## Checks",
            markdown_table(["result", "subject", "what must hold", "found"], escaped(rows)),
            "## Versions",
            markdown_table(
                ["package", "run", "audit"],
                [[name, versions.get(name, ""), here.get(name, "")] for name in names],
            ),
            "## Files",
            f"{len(files)} files of the run and its inputs, as in {manifest}; "
            f"`sha256sum --check {manifest}` compares them again.",
            markdown_table(
                ["file", "SHA-256"], escaped([[name, digest] for name, digest in files.items()])
            ),
        ]
    )


def escaped(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return cells in which names from data cannot be taken for markup."""
    return [
        [re.sub(r"<(?=[A-Za-z/!?])", "&lt;", cell.replace("\n", " ")) for cell in row]
        for row in rows
    ]


def main(
    page: str | Path,
    table: str | Path,
    manifest: str | Path,
    *,
    resources: str | Path,
    revision: str,
    settings: Mapping[str, object],
    **files: object,
) -> None:
    """Write the audit of a run, or raise an `InputError` that counts what failed.

    Parameters
    ----------
    resources : path-like
        Folder whose files are listed, besides those beside the page.
    revision : str
        Of the workflow now.
    settings : mapping
        ``bands``, ``strategies``, ``seeds``, ``evaluation``, ``identity`` and ``radius``.
    **files
        Products by name, as in the rule.
    """
    results = Path(page).parent
    checks = checks_of(files, settings)
    sums = checksums([results, resources], leave_out=[page, table, manifest])
    stamps = {name: Path(name).stat().st_mtime_ns for name in sums}
    earlier, earlier_stamps = read_manifest(manifest)
    # Time stamps are compared for equality: a clock may go backwards.
    rewritten = [name for name in sums if stamps[name] != earlier_stamps.get(name)]
    checks += invariants.check_unchanged(sums, earlier, rewritten)
    checks += invariants.check_leftovers(results)
    recorded = yaml.safe_load(Path(files["run_config"]).read_text(encoding="utf-8"))
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = page_text(checks, sums, recorded, revision, manifest=manifest, date=date)
    logger.info("%s", text)
    failed = [check for check in checks if check.result == FAILED]
    if failed:
        raise InputError(
            f"{len(failed)} of {len(checks)} checks failed",
            file=results,
            found="; ".join(f"{c.subject}: {c.invariant}: {c.found}" for c in failed[:5]),
            fix="delete the damaged files and run again; the log has the whole page",
        )
    write_csv(pd.DataFrame(checks), table)
    write_text(manifest_text(sums, stamps), manifest)
    write_text(text, page)


if __name__ == "__main__":
    run(main, snakemake)
