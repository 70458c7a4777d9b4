"""Figure: redshifts of the training galaxies that look alike, and how well their distance flags.

Inputs
    distances, flags : as judge_neighbours writes them

Outputs
    pdf, png : the figure
    table : population, flag, false_positive, true_positive: the ROC curves
    caption : its caption
"""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transferz.core.logs import run
from transferz.core.products import read_csv, read_parquet
from transferz.report.figures import NEUTRAL, FigureFiles, legend_above, panel_letter, subplots
from transferz.report.tables import survey_note

if TYPE_CHECKING:
    from snakemake.script import snakemake

FALSE = np.linspace(0.0, 1.0, 101)
STYLES = {"vectors": "-", "colours": ":"}
MOST_SHOWN = 400


def curves(distances: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC curve of each flag for each population against the test galaxies."""
    is_test = distances["population"].str.startswith("test")
    parts = []
    for name, rows in distances[~is_test].groupby("population", sort=False):
        for flag in STYLES:
            limits = np.quantile(distances.loc[is_test, flag], 1.0 - FALSE)
            true = (rows[flag].to_numpy()[:, None] >= limits).mean(axis=0)
            columns = {"population": name, "flag": flag, "false_positive": FALSE}
            parts.append(pd.DataFrame({**columns, "true_positive": true.round(4)}))
    return pd.concat(parts) if parts else pd.DataFrame()


def draw(test: pd.DataFrame, roc: pd.DataFrame) -> plt.Figure:
    """Return the figure: redshifts of neighbours on the left, curves on the right."""
    figure, (left, right) = subplots(1, 2, height=3.6)
    shown = test.iloc[:: -(-len(test) // MOST_SHOWN)]
    ends = shown[["z_low", "z_high"]].sub(shown["z_median"], axis=0).abs().to_numpy().T
    left.errorbar(
        *(shown["z_true"], shown["z_median"], ends), ls="", marker=".", ms=3, lw=0.4, alpha=0.6
    )
    top = float(np.quantile(shown["z_true"], 0.99))
    left.plot([0, top], [0, top], color=NEUTRAL, lw=0.6)
    left.set(xlim=(0, top), ylim=(0, top), xlabel="Redshift of the galaxy")
    left.set(ylabel="Redshifts of its ten neighbours")
    for number, (name, rows) in enumerate(roc.groupby("population", sort=False)):
        for flag, line in STYLES.items():
            own = rows[rows["flag"] == flag]
            text = name if flag == "vectors" else None
            right.plot(
                own["false_positive"], own["true_positive"], line, color=f"C{number}", label=text
            )
    right.plot([0, 1], [0, 1], color=NEUTRAL, lw=0.6)
    right.set(xlabel="Flagged test galaxies", ylabel="Flagged others", xlim=(0, 1), ylim=(0, 1))
    for axes, letter in zip((left, right), "ab", strict=True):
        panel_letter(axes, letter)
    legend_above(figure, right, 3)
    return figure


def main(distances: str, flags: str, files: FigureFiles, *, strategy: str, survey: str) -> None:
    """Draw the figure."""
    table = read_parquet(distances)
    test = table[table["population"].str.startswith("test")]
    roc = curves(table)
    areas = read_csv(flags, ["population", "auc_vectors"], rule="judge_neighbours").dropna()
    files.save(
        draw(test, roc),
        roc,
        "Which training galaxies look alike to the networks?",
        f"Vectors of {strategy}. (a) Median and 68% range of the redshifts of the ten nearest "
        "training galaxies of some test galaxies. (b) Shares of other objects and of test galaxies "
        "beyond any limit of the distance. Solid: distance between vectors. Dotted: distance in "
        f"magnitudes and colours, as of flag_out_of_distribution. {survey_note(survey)}",
        "Areas under the curves, vectors: "
        + "; ".join(f"{row.population} {row.auc_vectors:.2f}" for row in areas.itertuples())
        + ".",
    )


if __name__ == "__main__":
    run(main, snakemake)
