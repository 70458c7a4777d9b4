"""A first configuration for somebody's own catalogues: what `transferz init` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from transferz.catalogues.guess import Guess, guess, look_at
from transferz.core.errors import InputError

DATA_FILES = ("first_configuration.yaml.j2",)

# Columns of a description, as they stand in the file; those to predict with are the first.
TO_PREDICT = ("object_id", "mag", "mag_err")
TO_TRAIN = (*TO_PREDICT, "ra", "dec", "redshift", "redshift_err")
# Indentation of a description in the file.
INDENT = " " * 4


@dataclass(frozen=True)
class Catalogue:
    """A catalogue and what its columns may mean."""

    path: str
    name: str
    guess: Guess


def first_configuration(
    paths: Sequence[Path], results: str, output: Path, unit: str | None = None
) -> tuple[str, list[str]]:
    """Return a configuration that trains on one or two catalogues, and what was guessed.

    Parameters
    ----------
    paths : sequence of path
        The source and, if there is one, the target.
    results : str
        Folder of the run.
    output : path
        Where the configuration will be.
    unit : str, optional
        Unit of the magnitudes or fluxes where the files do not state it.

    Returns
    -------
    str
        YAML, with comments.
    list of str
        Lines for the user: what was guessed, and what was not.

    Raises
    ------
    InputError
        If a catalogue has no magnitudes or no redshift that is recognised, or two catalogues have
        less than two bands in common.
    """
    found = [
        Catalogue(str(path), path.name.partition(".")[0], guess(look_at(path), unit=unit))
        for path in paths
    ]
    lines = []
    for one in found:
        lines += [f"{one.path}:", *told(one.guess)]
        check_recognised(one)
    bands = [band for band in found[0].guess.bands if all(band in one.guess.bands for one in found)]
    if len(bands) < 2:
        raise InputError(
            "too few bands in both catalogues", found=", ".join(bands) or "none", expected="two"
        )
    template = (Path(__file__).parent / DATA_FILES[0]).read_text(encoding="utf-8")
    text = jinja2.Template(template).render(
        files=" and ".join(one.path for one in found),
        path=found[0].path,
        command=command(output),
        results=results,
        bands=bands,
        catalogues=dict(zip(("source", "target"), found, strict=False)),
        first=found[0],
        description=lambda guessed, train: description(guessed, bands, train=train),
    )
    return text + "\n", lines


def check_recognised(one: Catalogue) -> None:
    """Raise an `InputError` if a run would lack something."""
    lacking = [name for name in ("mag", "redshift") if name not in one.guess.columns]
    if lacking or one.guess.unit is None:
        raise InputError(
            "columns not recognised" if lacking else "unit not known",
            file=one.path,
            key=", ".join(lacking) or one.guess.columns["mag"],
            found="; ".join(one.guess.doubts),
            fix="write the configuration by hand: config/examples/des_cosmos.yaml"
            if lacking
            else "give the unit with --unit (mag, nJy, uJy, mJy, Jy, nanomaggy)",
        )


def command(output: Path) -> str:
    """Return how to start the run: with the Snakefile beside this package, where there is one."""
    snakefile = Path(__file__).parents[3] / "Snakefile"
    place = snakefile if snakefile.is_file() else "TransferZ/Snakefile"
    return f"snakemake --cores all --snakefile {place} --configfile {output}"


def description(found: Guess, bands: Sequence[str], *, train: bool) -> str:
    """Return the lines of a description."""
    names = TO_TRAIN if train else TO_PREDICT
    columns: Mapping[str, str | None] = {name: found.columns.get(name) for name in names}
    renamed = {band: found.band_names[band] for band in bands if found.band_names[band] != band}
    lines = ["# Names in the file; {band} stands for each band, null for what is not there."]
    lines += ["columns:"]
    lines += [f"  {name}: {json.dumps(column)}" for name, column in columns.items()]
    if renamed:
        lines += ["band_names: {" + ", ".join(f"{b}: {n}" for b, n in renamed.items()) + "}"]
    lines += [f"unit: {found.unit}"]
    if train and found.position_unit != "deg":
        lines += [f"units: {{position: {found.position_unit}}}"]
    lines += [
        f"null_values: {found.null_values}",
        f"non_detection_values: {found.non_detection_values}",
    ]
    return "\n".join(INDENT + line for line in lines)


def told(found: Guess) -> list[str]:
    """Return what was guessed, one line each."""
    lines = [f"  {name:12} {column}" for name, column in found.columns.items()]
    lines += [
        f"  {'bands':12} {', '.join(found.band_names.values())}",
        f"  {'unit':12} {found.unit}",
    ]
    lines += [f"  {name:12} none found" for name in TO_TRAIN if name not in found.columns]
    return lines + [f"  please check: {doubt}" for doubt in found.doubts]
