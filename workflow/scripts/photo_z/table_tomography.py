"""Page of the n(z): mean redshift of each bin by each method, against the known redshifts.

Inputs
    bins : tomography/bins.csv

Outputs
    md : tables/tomography.md
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_csv, write_text
from transferz.report.figures import DATASETS, label
from transferz.report.tables import markdown_table, survey_note, thousands

if TYPE_CHECKING:
    from snakemake.script import snakemake

NOTES = """\
Galaxies of the test sets in bins of `{point}`. An n(z) is found in three ways.

- stacked: the mean of the galaxies' own distributions.
- shifted: the same, moved by the mean error of the stack of the calibration galaxies in the bin.
- direct: the redshifts of the calibration galaxies in the bin.

Reweighted: the calibration galaxies have weights that give them the colours and magnitudes of the \
test set (nearest neighbours, Lima et al. 2008). Effective: how many galaxies of equal weight say \
as much. The calibration galaxies are from {calibrated}.

The bias is that of the mean redshift, over 1 + z. Its error is from a bootstrap over test and \
calibration galaxies. LSST requires 0.002 after one year and 0.001 after ten. A verdict needs two \
standard errors: a test set of some thousand galaxies can show a miss, hardly that a requirement \
is met. Widths and all methods: `tomography/bins.csv`; the n(z): `tomography/nz.hdf5`, for \
`qp.read`."""
HEADER = ["Bin", "Range", "Galaxies", "Calibration", "Effective", "Method", "Mean", "Bias"]


def section(rows: pd.DataFrame) -> str:
    """Return the table of one data set and judge, one row per bin and method."""
    lines = [
        [
            *(str(row.bin), f"{row.z_low:.2f} to {row.z_high:.2f}", thousands(row.n)),
            *(thousands(row.n_calibration), f"{row.n_effective:.0f}", row.method),
            *(f"{row.mean:.3f}", f"{row.bias:+.4f} ± {row.bias_error:.4f}", row.y1, row.y10),
        ]
        for row in rows.itertuples()
    ]
    return markdown_table([*HEADER, "Y1", "Y10"], lines, "llrrrlrrll")


def main(
    bins: str | Path,
    md: str | Path,
    *,
    point: str,
    calibrated_on: str,
    labels: Mapping[str, str],
    survey: str,
) -> None:
    """Write the page."""
    table = read_csv(bins, ["dataset", "bias"], rule="tomographic_bins")
    notes = NOTES.format(point=point, calibrated=label(calibrated_on, labels))
    parts = ["# Redshift distributions in bins", survey_note(survey), notes]
    for dataset in DATASETS:
        rows = table[table["dataset"] == dataset]
        for judge, part in rows.groupby("judged_by", sort=False):
            parts += [f"## {label(dataset, labels)}, judged by the {judge}", section(part)]
    write_text("\n\n".join(parts), md)


if __name__ == "__main__":
    run(main, snakemake)
