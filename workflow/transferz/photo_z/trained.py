"""A finished run as its networks see it: what is there, what it was made from, how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from transferz.api import files_of
from transferz.core.errors import InputError
from transferz.networks.model_files import read_models
from transferz.uncertainty.calibration_sample import CalibrationSample

# Figures of merit of `TrainedRun.summary`.
SHOWN = ["scatter_mad", "bias_median", "outlier_fraction"]


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

    def description(self, config: Path | None) -> Mapping[str, object]:
        """Return the description of a catalogue: of a configuration file, or of the run."""
        if config is None:
            found, place = self.described, None
        else:
            content = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
            found, place = content.get("predict", {}).get("catalogue", {}), config
        if "columns" not in found:
            raise InputError(
                "the catalogue is not described",
                file=place,
                key="predict.catalogue.columns",
                fix="write predict.catalogue into a file and name it with --config",
            )
        return found


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
        path = self.folder / "metrics" / "per_seed.csv"
        if not path.is_file():
            return [f"Figures of merit: unknown, {path} is not there"]
        table = pd.read_csv(path)
        width = table["z_max"] - table["z_min"]
        whole = table[np.isclose(width, width.max())]
        numbers = whole.groupby(["dataset", "strategy"])[SHOWN]
        return ["Figures of merit, median over the networks:", numbers.median().to_string()]
