"""A finished run as its networks see it: what is there, what it was made from, how good it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import pandas as pd
import yaml

from transferz.api import files_of
from transferz.catalogues.description import CatalogueDescription
from transferz.catalogues.first_configuration import told
from transferz.catalogues.guess import guess, look_at
from transferz.catalogues.reading import column_names
from transferz.core.errors import InputError
from transferz.networks.model_files import read_models
from transferz.photo_z.tomography import Tomography
from transferz.uncertainty.calibration_sample import CalibrationSample

logger = logging.getLogger(__name__)

# Of a guess, what a description has under the same name.
GUESSED = ("band_names", "unit", "null_values", "non_detection_values")
# Figures of merit of `TrainedRun.summary`.
SHOWN = ["scatter_mad", "bias_median", "outlier_fraction", "coverage_68", "coverage_95"]


@dataclass(frozen=True)
class Networks:
    """The networks of one strategy with their calibration, as files.

    Attributes
    ----------
    strategy : str
    models : list of path
    sample : path
    described : mapping
        ``predict.catalogue`` of the run that they come from; empty if nobody knows.
    """

    strategy: str
    models: list[Path]
    sample: Path
    described: Mapping[str, object]

    def first_seeds(self, number: int | None) -> list[int] | None:
        """Return the first `number` seeds; None means all."""
        if number is None:
            return None
        return sorted(seed for path in self.models for seed in read_models(path).weights)[:number]

    def description(self, catalogue: Path, config: Path | None) -> Mapping[str, object]:
        """Return the description of a catalogue: of a file, of the run if it fits, or a guess.

        Raises
        ------
        InputError
            If the guess does not find what the networks read.
        """
        if config is not None:
            content = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
            try:
                return content["predict"]["catalogue"]
            except (KeyError, TypeError) as error:
                raise InputError("no such section", file=config, key="predict.catalogue") from error
        sample = CalibrationSample.load(self.sample)
        names = column_names(catalogue)
        if "columns" in self.described:
            described = CatalogueDescription.from_config(self.described)
            wanted = {column.name for column in described.to_predict(sample.bands, sample.columns)}
            carried = self.described.get("extra_columns", {})
            if wanted - set(carried.values()) <= set(names):
                kept = {new: name if name in names else None for new, name in carried.items()}
                return {**self.described, "extra_columns": kept}
        return guessed(catalogue, sample)


def guessed(catalogue: Path, sample: CalibrationSample) -> dict[str, object]:
    """Return a guess of where a catalogue has what networks read; say it on the terminal."""
    found = guess(look_at(catalogue), bands=sample.bands)
    needed = ["mag", "mag_err"] if any("_err_" in name for name in sample.columns) else ["mag"]
    there = [name for name in needed if name in found.columns]
    if there != needed or set(found.bands) != set(sample.bands):
        raise InputError(
            "columns not recognised",
            file=catalogue,
            found="; ".join(
                [
                    f"{' and '.join(there) or 'none'} in {', '.join(found.bands) or 'no band'}",
                    # Of a redshift nothing is asked here.
                    *(doubt for doubt in found.doubts if "redshift" not in doubt),
                ]
            ),
            expected=f"{' and '.join(needed)} in {', '.join(sample.bands)}",
            fix="describe it as predict.catalogue in a file (docs/catalogues.md); name that with "
            "--config",
        )
    logger.info("Guessed the columns of %s:", catalogue)
    for line in told(found):
        logger.info("%s", line)
    if found.unit is None:
        raise InputError("unit not known", file=catalogue, found="; ".join(found.doubts))
    return {
        "columns": {name: found.columns.get(name) for name in ("object_id", "mag", "mag_err")},
        "extra_columns": {name: found.columns.get(name) for name in ("ra", "dec")},
        **{name: getattr(found, name) for name in GUESSED},
    }


def default_settings(stage: str, section: str) -> dict[str, object]:
    """Return the defaults of a section of the configuration, without Snakemake's libraries."""
    file = files("transferz.settings") / f"{stage}.yaml"
    keys = yaml.safe_load(file.read_text(encoding="utf-8"))[section]["properties"]
    return {name: key["default"] for name, key in keys.items() if "default" in key}


class TrainedRun:
    """Folder of a finished run.

    Parameters
    ----------
    results : path-like
        With the folders ``models`` and ``calibration``; ``run_config.yaml`` and ``tables`` tell
        more where they are there.
    """

    def __init__(self, results: str | Path) -> None:
        self.folder = Path(results)

    @cached_property
    def record(self) -> dict:
        """Contents of ``run_config.yaml``, or nothing."""
        path = self.folder / "run_config.yaml"
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @cached_property
    def samples(self) -> list[Path]:
        """Calibration samples, one for each strategy and data set."""
        found = sorted((self.folder / "calibration").glob("*/*.npz"))
        if not found:
            raise InputError(
                "no networks with a calibration",
                file=self.folder,
                expected="the folders models and calibration of a finished run",
                fix="run `snakemake calibration`, or name another folder",
            )
        return found

    def chosen(self, strategy: str | None, calibrated_on: str | None) -> Networks:
        """Return the networks of a strategy; what is None is as the run was configured."""
        configured = self.record.get("config", {}).get("predict", {})
        there = sorted({path.parent.name for path in self.samples})
        strategy = strategy or configured.get("strategy")
        if strategy is None and len(there) == 1:
            (strategy,) = there
        if strategy not in there:
            raise InputError(
                "no such networks",
                file=self.folder,
                key="--strategy",
                found=strategy,
                expected=" or ".join(there),
            )
        dataset = calibrated_on or configured.get("calibrated_on", "target")
        models, sample = files_of(self.folder, strategy, dataset)
        return Networks(strategy, models, sample, configured.get("catalogue", {}))

    def tomography(self) -> Tomography:
        """Return how the run bins galaxies, by default settings if it does not say."""
        config = self.record.get("config", {})
        bins = default_settings("photo_z", "tomography") | config.get("tomography", {})
        windows = default_settings("evaluation", "evaluation") | config.get("evaluation", {})
        return Tomography(**bins, z_range=windows["z_range"])

    def summary(self) -> str:
        """Return, in lines, what was trained on what, how good it is, and versions."""
        lines = [f"Run in {self.folder}"]
        for path in self.samples:
            sample = CalibrationSample.load(path)
            lines += [
                "",
                f"{path.parent.name}, intervals for galaxies like those of the {path.stem}:",
                *(f"  {name}: {value}" for name, value in sample.trained_on.items()),
                f"  inputs: {', '.join(sample.columns)}",
                "  redshifts trained on: {:.3f} to {:.3f}".format(*sample.z_trained),
            ]
        lines += ["", *self._metrics()]
        versions = self.record.get("versions", {})
        if versions:
            lines += ["", f"git revision: {self.record['git_revision']}"]
            lines += [", ".join(f"{name} {number}" for name, number in versions.items())]
        return "\n".join(lines)

    def _metrics(self) -> list[str]:
        """Return what the pages of the calibration say of galaxies that were held back."""
        files = [self.folder / "calibration" / name for name in ("requirements.csv", "metrics.csv")]
        if not all(path.is_file() for path in files):
            return [f"Figures of merit: unknown, {files[0]} and {files[1].name} are not there"]
        points, intervals = map(pd.read_csv, files)
        points = points[points["dropped"] == 0]
        home = (intervals["dataset"] == intervals["calibrated_on"]) & intervals["z_min"].notna()
        table = points.merge(
            intervals[home & (intervals["judged_by"] == "label")], on=["dataset", "strategy"]
        ).set_index(["dataset", "strategy"])
        low, high = table[["z_min", "z_max"]].iloc[0]
        head = f"Figures of merit on held-back galaxies, {low:g} < z <= {high:g}:"
        return [head, table[SHOWN].to_string(float_format="{:.4f}".format)]
