"""The command `transferz`: from a catalogue to a configuration, from networks to redshifts.

`predict` needs the folders `models` and `calibration` of a run, not Snakemake. A subcommand is a
function that adds its options to the parser (`add_*`), and one that does the work.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz import __version__
from transferz.core.errors import InputError

logger = logging.getLogger("transferz.command")

# What to try first; the subcommands say the rest.
EXAMPLES = """\
examples:
  transferz init galaxies.csv
  transferz info results
  transferz predict galaxies.fits --networks results --output photo_z.fits
  transferz tomography galaxies.fits --networks results --output n_of_z
  transferz neighbours galaxies.fits --networks results --output neighbours.fits
  transferz evaluate photo_z.fits --truth spectra.csv

Every subcommand has its own help: transferz predict --help
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="transferz",
        description="Photometric redshifts for your own galaxies. `init` writes a configuration to "
        "train with, for snakemake. The others use the networks of a finished run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    subcommands = top.add_subparsers(metavar="COMMAND", required=True)
    for add in (*(add_init, add_predict, add_tomography, add_neighbours, add_info, add_evaluate),):
        add(subcommands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; return its exit status. A bad input ends in one line and status 1."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("transferz").setLevel(logging.INFO)
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        logger.error("ERROR %s", error)
        return 1
    return 0


# ------------------------------------------------------------------------------------- init


def add_init(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz init`."""
    command = subcommands.add_parser(
        "init",
        help="write a configuration for a catalogue of your own",
        description="Look at a catalogue, guess what its columns mean, and write a configuration "
        "that runs. One catalogue with redshifts is enough. With two, networks learn from the "
        "first and are transferred to the second.",
    )
    command.set_defaults(run=init)
    command.add_argument("catalogue", type=Path, help="file with magnitudes and redshifts")
    command.add_argument(
        "target", type=Path, nargs="?", help="second catalogue, with the more precise redshifts"
    )
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="default: CATALOGUE's name with .yaml"
    )
    command.add_argument(
        "--results", default="results", metavar="FOLDER", help="folder of the run; default: results"
    )
    command.add_argument(
        "--unit", metavar="UNIT", help="of the magnitudes or fluxes, where the file does not say"
    )
    command.add_argument("--force", action="store_true", help="replace FILE if it is there")


def init(options: argparse.Namespace) -> None:
    """Write a configuration, and say what was guessed."""
    from transferz.catalogues.first_configuration import command, first_configuration
    from transferz.core.products import write_text

    output = options.output or Path(options.catalogue.name.partition(".")[0] + ".yaml")
    if output.exists() and not options.force:
        raise InputError("there is such a file", file=output, fix="name another, or add --force")
    paths = [path for path in (options.catalogue, options.target) if path is not None]
    text, lines = first_configuration(paths, options.results, output, options.unit)
    write_text(text, output)
    print(*lines, f"\nWrote {output}. Look it over, then run", f"  {command(output)}", sep="\n")


# ---------------------------------------------------------------------------------- predict


def add_predict(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz predict`."""
    command = subcommands.add_parser(
        "predict",
        help="photometric redshifts for a catalogue",
        description="Write a photometric redshift with its intervals for every row of a catalogue. "
        "The output has the rows in the same order. Its metadata say what the networks were "
        "trained on.",
    )
    command.set_defaults(run=predict)
    command.add_argument("catalogue", type=Path, help="file to predict; see docs/catalogues.md")
    add_networks(command)
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="table to write: .parquet, .fits or .csv (its metadata in FILE.json)",
    )
    command.add_argument(
        "--pdf", type=Path, metavar="FILE", help="write the distributions too, HDF5 of qp"
    )


def add_networks(command: argparse.ArgumentParser) -> None:
    """Add the options that choose trained networks."""
    command.add_argument(
        "--networks",
        type=Path,
        required=True,
        metavar="RESULTS",
        help="folder of a run, with its folders models and calibration",
    )
    command.add_argument("--strategy", metavar="NAME", help="default: that of the run")
    command.add_argument(
        "--calibrated-on",
        choices=("target", "source"),
        metavar="SET",
        help="intervals hold for galaxies like those of this data set, target or source; "
        "default: that of the run",
    )
    command.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration whose section predict.catalogue describes the catalogue; default: "
        "that of the run if its columns are there, or a guess, which is shown",
    )
    command.add_argument("--members", type=int, metavar="N", help="use the first N networks only")
    command.add_argument(
        "--threads", type=int, default=os.cpu_count(), metavar="N", help="default: all cores"
    )


def predict(options: argparse.Namespace) -> None:
    """Predict a catalogue, as the rule predict_catalogue does."""
    from transferz.photo_z.catalogue import predict_catalogue
    from transferz.photo_z.output import written_as
    from transferz.photo_z.trained import TrainedRun

    networks = TrainedRun(options.networks).chosen(options.strategy, options.calibrated_on)
    with written_as(options.output) as table:
        predict_catalogue(
            options.catalogue,
            networks.models,
            networks.sample,
            table,
            options.pdf,
            description=networks.description(options.catalogue, options.config),
            strategy=networks.strategy,
            seeds=networks.first_seeds(options.members),
            chunk_rows=65536,
            threads=options.threads,
            progress=True,
        )


# ------------------------------------------------------------------------------- tomography


def add_tomography(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz tomography`."""
    command = subcommands.add_parser(
        "tomography",
        help="redshift distributions n(z) of a catalogue in bins of photometric redshift",
        description="Bin the galaxies of a catalogue by photometric redshift. Write the n(z) of "
        "each bin, its mean and its width. Bins and methods are those of the run, section "
        "tomography of its configuration.",
    )
    command.set_defaults(run=tomography)
    command.add_argument("catalogue", type=Path, help="file or folder to look at")
    add_networks(command)
    command.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder for bins.csv and nz.hdf5 (qp)",
    )


def tomography(options: argparse.Namespace) -> None:
    """Write the n(z) of a catalogue, by the rule's own code."""
    from transferz.photo_z.catalogue import sampled_catalogue
    from transferz.photo_z.tomography import write_tomography
    from transferz.photo_z.trained import TrainedRun

    run = TrainedRun(options.networks)
    networks = run.chosen(options.strategy, options.calibrated_on)
    estimator, galaxies = sampled_catalogue(
        options.catalogue,
        networks.models,
        networks.sample,
        description=networks.description(options.catalogue, options.config),
        seeds=networks.first_seeds(options.members),
        threads=options.threads,
    )
    name = options.catalogue.name
    options.output.mkdir(parents=True, exist_ok=True)
    bins, nz = (options.output / file for file in ("bins.csv", "nz.hdf5"))
    measured = run.tomography().measure(estimator, galaxies, judges={})
    write_tomography({name: measured}, bins, nz)
    shown = measured[0].set_index("method").loc["shifted, reweighted"]
    print(shown[["bin", "z_low", "z_high", "n", "mean", "mean_error"]].to_string(index=False))


# ------------------------------------------------------------------------------- neighbours


def add_neighbours(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz neighbours`."""
    command = subcommands.add_parser(
        "neighbours",
        help="training galaxies that look like yours to the networks, and their redshifts",
        description="Write, for every galaxy of a catalogue, the training galaxies whose vectors "
        "in the networks are nearest. `snakemake neighbours` makes the vectors.",
    )
    command.set_defaults(run=neighbours)
    command.add_argument("catalogue", type=Path, help="file or folder to look at")
    add_networks(command)
    command.add_argument(
        "--number", type=int, default=10, metavar="K", help="neighbours of each; default: 10"
    )
    command.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="table: .parquet, .fits or .csv"
    )
    command.add_argument(
        "--figure", type=Path, metavar="FILE", help="draw the redshifts for the first galaxies"
    )


def neighbours(options: argparse.Namespace) -> None:
    """Write the nearest training galaxies of a catalogue."""
    from transferz.api import load_neighbours
    from transferz.networks.tensorflow import configure_tensorflow
    from transferz.photo_z.neighbours import neighbours_of_catalogue
    from transferz.photo_z.output import written_as
    from transferz.photo_z.trained import TrainedRun

    configure_tensorflow(options.threads)
    run = TrainedRun(options.networks).chosen(options.strategy, options.calibrated_on)
    finder = load_neighbours(options.networks, run.strategy, calibrated_on=run.sample.stem)
    description = run.description(options.catalogue, options.config)
    with written_as(options.output) as table:
        counts = neighbours_of_catalogue(
            options.catalogue, finder, table, options.figure, description, options.number
        )
    print(f"{counts['galaxies']} galaxies, {counts['unlike']} unlike the training galaxies")


# ------------------------------------------------------------------------------------- info


def add_info(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz info`."""
    command = subcommands.add_parser(
        "info",
        help="what the networks of a run were trained on, and how good they are",
        description="Tell what the networks of a run were trained on, their figures of merit on "
        "the test sets, and the versions that they were made with.",
    )
    command.set_defaults(run=info)
    command.add_argument("results", type=Path, help="folder of a run")


def info(options: argparse.Namespace) -> None:
    """Print what a run is."""
    from transferz.photo_z.trained import TrainedRun

    print(TrainedRun(options.results).summary())


# --------------------------------------------------------------------------------- evaluate


def add_evaluate(subcommands: argparse._SubParsersAction) -> None:
    """Add `transferz evaluate`."""
    command = subcommands.add_parser(
        "evaluate",
        help="figures of merit of photometric redshifts with known truths",
        description="Compare photometric redshifts with true ones. Print scatter, bias, outliers "
        "and the coverage of the intervals.",
    )
    command.set_defaults(run=evaluate)
    command.add_argument("photo_z", type=Path, help="table that `transferz predict` wrote")
    command.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="catalogue with the true redshifts; default: PHOTO_Z itself",
    )
    command.add_argument(
        "--redshift", default="redshift", metavar="NAME", help="column of the truth"
    )
    command.add_argument(
        "--id",
        metavar="NAME",
        help="column of FILE with the identifiers; default: both have the same rows in one order",
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="write them as JSON too")


def evaluate(options: argparse.Namespace) -> None:
    """Print the figures of merit."""
    from transferz import api
    from transferz.core.products import write_text
    from transferz.photo_z.output import read_with_truth

    z_true, table = read_with_truth(
        options.photo_z, options.truth or options.photo_z, options.redshift, options.id
    )
    scores = api.evaluate(z_true, table)
    for name, value in scores.items():
        print(f"{name:24} {value:.6g}")
    if options.output:
        write_text(json.dumps(scores, indent=1), options.output)
