"""The networks that a study of spectra trains, and the files that say what they predicted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.core.errors import InputError
from transferz.core.products import atomic_path
from transferz.spectra.grism import Grism, SpectraFile

REGRESSION = "regression"
SQUARED_ERROR, ABSOLUTE_ERROR = REGRESSION_LOSSES = ("squared_error", "absolute_error")
AXES = ("head", "architecture", "n_train", "snr", "labels", "loss")
MEMBER_KEYS = ["head", "classes", "architecture", "n_train", "snr", "labels", "loss", "seed"]


@dataclass(frozen=True)
class Member:
    """One network of a study; the attributes are columns of every table.

    Attributes
    ----------
    head : str
        `regression` or `classification`; or the name of a classical method.
    classes : int
        Number of classes; 0 for a regression.
    architecture : str
        Key of ``spectra.architectures``.
    n_train : int
        Number of training spectra.
    snr : float
        S/N per pixel of training, validation and test spectra; infinite is noiseless.
    labels : str
        Key of ``spectra.labels``: how the training labels are spoilt.
    loss : str
        Key of ``spectra.losses``.
    seed : int
    """

    head: str
    classes: int
    architecture: str
    n_train: int
    snr: float
    labels: str
    loss: str
    seed: int

    @property
    def key(self) -> str:
        """Name in files of probabilities, unique among all studies."""
        values = asdict(self) | {"snr": f"{self.snr:g}"}
        return "/".join(str(value) for value in values.values())

    @property
    def network(self) -> tuple[str, int]:
        """What has to be compiled: architecture and number of outputs."""
        return self.architecture, max(self.classes, 1)


def expand_study(study: Mapping[str, object], default: Mapping[str, object]) -> list[Member]:
    """All combinations of a study's axes and seeds, ordered so that equal networks are together.

    Parameters
    ----------
    study : mapping
        Lists for some of `AXES`, and `seeds`, their number. A head is `regression` or a number
        of classes.
    default : mapping
        One value for every axis; an axis that the study does not name has this one.

    Returns
    -------
    list of Member

    Raises
    ------
    InputError
        On an unknown axis or an empty list.
    """
    axes = {}
    for name in study:
        if name not in (*AXES, "seeds", "probabilities"):
            raise InputError(
                "unknown axis", key=f"spectra.studies: {name}", expected=", ".join(AXES)
            )
    for name in AXES:
        axes[name] = study.get(name, [default[name]])
        if not axes[name]:
            raise InputError("no value for an axis", key=f"spectra.studies: {name}")
    members = []
    for values in itertools.product(*axes.values(), range(study["seeds"])):
        entry = dict(zip((*AXES, "seed"), values, strict=True))
        head = entry.pop("head")
        if head == REGRESSION:
            loss = entry["loss"] if entry["loss"] in REGRESSION_LOSSES else SQUARED_ERROR
            members.append(Member(REGRESSION, 0, **(entry | {"loss": loss})))
        elif entry["loss"] not in REGRESSION_LOSSES:
            members.append(Member("classification", int(head), **entry))
    return sorted(dict.fromkeys(members), key=lambda member: (member.network, member.key))


def member_table(member: Member, rows: int) -> pd.DataFrame:
    """Keys of a member in columns, the same in every row."""
    return pd.DataFrame({key: [value] * rows for key, value in asdict(member).items()})


def prediction_table(
    member: Member, spectra: np.ndarray, z_true: np.ndarray, values: pd.DataFrame
) -> pd.DataFrame:
    """Predictions of one member on the test spectra, with the member's keys in front.

    Parameters
    ----------
    member : Member
    spectra : numpy.ndarray
        Row numbers in the file of spectra, shape (n,).
    z_true : numpy.ndarray
        Shape (n,).
    values : pandas.DataFrame
        `z_mean` at least, n rows; other columns as of `uncertainty.summarise`.
    """
    table = member_table(member, len(spectra)).assign(spectrum=spectra, z_true=z_true)
    return pd.concat([table, values.reset_index(drop=True)], axis=1)


def write_probabilities(probabilities: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write distributions over classes, half precision, compressed; see `read_probabilities`."""
    arrays = {key: values.astype(np.float16) for key, values in sorted(probabilities.items())}
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_probabilities(path: str | Path, members: Sequence[Member], sample: str) -> np.ndarray:
    """Distributions of several members over a sample, shape (n_members, n, k), float64.

    Raises
    ------
    InputError
        If the file is missing or lacks a member.
    """
    if not Path(path).is_file():
        raise InputError("file not found", file=path, fix="run the rule spectra_train")
    stacks = []
    with np.load(path, allow_pickle=False) as arrays:
        for member in members:
            name = f"{member.key}/{sample}"
            if name not in arrays:
                raise InputError(
                    "no probabilities of this network",
                    file=path,
                    key=name,
                    fix="set `probabilities: true` in its study (spectra.studies)",
                )
            stacks.append(arrays[name].astype(float))
    stack = np.stack(stacks)
    return stack / stack.sum(axis=-1, keepdims=True)


def read_array(path: str | Path, name: str) -> np.ndarray:
    """Return the finite numbers of a ``.npy`` file; `name` is the last part of its key."""
    key = f"spectra.simulation.files.{name}"
    try:
        array = np.load(path, allow_pickle=False)
        finite = np.isfinite(array).all()
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError("no array of numbers", file=path, key=key, found=str(error)) from error
    if not finite:
        raise InputError("values that are not finite", file=path, key=key)
    return array


def spectra_of_files(
    spectra: str | Path,
    redshifts: str | Path,
    *,
    grism: Grism,
    z_range: Sequence[float],
    sizes: Mapping[str, int],
    seed: int,
) -> SpectraFile:
    """Spectra of two ``.npy`` files, in the order of the rows: train, validation, test.

    Parameters
    ----------
    spectra : path-like
        Shape (n, grism.pixels), noiseless, of any flux.
    redshifts : path-like
        Shape (n,).
    grism : Grism
    z_range : sequence of float
        Half-open range in which all redshifts are.
    sizes : mapping
        Rows of `validation` and `test`.
    seed : int
        Of noise that is added.

    Raises
    ------
    InputError
        If a file is missing or is none, shapes do not fit, or a value is not usable.
    """
    flux, z = read_array(spectra, "spectra"), read_array(redshifts, "redshifts")
    if flux.shape != (len(z), grism.pixels) or z.ndim != 1:
        raise InputError(
            "shapes do not fit",
            file=spectra,
            found=f"{flux.shape} and {z.shape}",
            expected=f"(n, {grism.pixels}) and (n,)",
            fix="set spectra.grism to the pixels of the file",
        )
    kept = sizes["validation"] + sizes["test"]
    if len(z) <= kept:
        raise InputError("too few spectra", file=spectra, found=len(z), expected=f"over {kept}")
    outside = (z < z_range[0]) | (z >= z_range[1])
    if outside.any():
        raise InputError(
            "redshifts out of range",
            file=redshifts,
            found=f"{int(outside.sum())} of {len(z)}, from {z.min():g} to {z.max():g}",
            expected="in [{:g}, {:g})".format(*z_range),
            fix="set spectra.simulation.z_range",
        )
    if (flux.mean(axis=1) <= 0).any():
        raise InputError("spectra without flux", file=spectra, expected="a positive mean of each")
    sample = np.repeat(["train", *sizes], [len(z) - kept, *sizes.values()])
    number = np.arange(len(z))
    return SpectraFile(flux.astype(np.float32), z.astype(float), number, sample, grism, seed)


def read_spectra(path: str | Path) -> SpectraFile:
    """Read the file of simulated spectra.

    Raises
    ------
    InputError
        If the file is missing.
    """
    if not Path(path).is_file():
        raise InputError("file not found", file=path, fix="run the rule spectra_simulate")
    with np.load(path, allow_pickle=False) as arrays:
        return SpectraFile.from_arrays(arrays)
