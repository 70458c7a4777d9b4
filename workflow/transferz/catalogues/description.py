"""The description of somebody's own catalogue: one language for training and for predicting.

It is a mapping of the configuration: ``predict.catalogue``, or an entry of ``custom``. Both may
use every key:

    columns             quantity: name in the file; ``{band}`` stands for each band
    extra_columns       more columns, name here: name in the file
    band_names          the file's own name of a band where it differs
    missing_bands       bands that the file does not have
    unit, units         of magnitudes or fluxes (``unit``, or ``units.mag``) and ``units.position``
    zero_point          AB magnitude of one count, with the unit ``counts``
    null_values         values, and words among numbers, that mean "not observed"
    non_detection_values, min_snr
                        what means "observed and not detected"
    format, table, delimiter, comment, encoding
                        see `container.ReadingOptions`
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType

import numpy as np
import pandas as pd

from transferz.catalogues.columns import CARRIED, Column, expand_bands
from transferz.catalogues.container import ReadingOptions
from transferz.catalogues.units import (
    ANGLE_UNITS,
    COUNTS,
    FLUX_UNITS,
    MAG_PER_RELATIVE_ERROR,
    MAGNITUDE_RANGE,
    ab_magnitude,
    asinh_magnitude,
    asinh_magnitude_error,
    flux_of_magnitude,
    magnitude_error,
    no_magnitude,
    with_asinh_magnitudes,
)
from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

KIND_OF = {"object_id": "id", "split": "text"}
POSITIONS = ("ra", "dec")
HOW = tuple(key.name for key in fields(ReadingOptions))
OF_BANDS = ("mag", "mag_err")
# What networks read instead, made of them.
ASINH = {"mag": "asinh", "mag_err": "asinh_err"}
# Columns of a catalogue to train on; its positions and magnitude errors may lack.
NEEDED = ("mag", "redshift")
# Columns that a catalogue to train on is given, whatever it has.
GIVEN = ("object_id", *POSITIONS, "truth", "source")


@dataclass(frozen=True)
class CatalogueDescription:
    """How a catalogue names and stores what the workflow reads.

    Attributes
    ----------
    key : str
        Of the configuration, for messages, such as ``predict.catalogue``.
    columns, extra_columns : mapping of str
        Without those set to null.
    band_names : mapping of str
    missing_bands : tuple of str
    unit, position_unit : str
        "mag", `COUNTS` or one of `FLUX_UNITS`; one of `ANGLE_UNITS`.
    flux_of_zero : float or None
        Flux of magnitude 0; None of magnitudes.
    null_values : tuple of float or str
    non_detection_values : tuple of float
    min_snr : float or None
        Signal-to-noise ratio below which nothing is detected.
    how : ReadingOptions
    undetected : float
        What a non-detection becomes: infinity to predict; NaN to train, then infinity in the file
        is a null as well.
    refused : Counter
        Values of each band that `standardised` took for no measurement.
    repeated : Counter
        Rows in which a band has its lowest flux, which is negative.
    """

    key: str
    columns: Mapping[str, str]
    extra_columns: Mapping[str, str]
    band_names: Mapping[str, str]
    missing_bands: tuple[str, ...]
    unit: str
    position_unit: str
    flux_of_zero: float | None
    null_values: tuple[float | str, ...]
    non_detection_values: tuple[float, ...]
    min_snr: float | None
    how: ReadingOptions
    undetected: float
    refused: Counter = field(default_factory=Counter)
    repeated: Counter = field(default_factory=Counter)

    @classmethod
    def from_config(
        cls, entry: Mapping, key: str = "predict.catalogue", *, undetected: float = np.inf
    ) -> CatalogueDescription:
        """Take a description from the configuration; keys that are left out have no effect.

        Raises
        ------
        InputError
            If a unit is none of those known, or a zero point is lacking or has no use.
        """
        units = entry.get("units", {})
        stated = {f"{key}.unit": entry.get("unit"), f"{key}.units.mag": units.get("mag")}
        # "mag" is the default of both: it contradicts nothing.
        chosen = {name: text for name, text in stated.items() if text not in (None, "mag")}
        unit_key, unit = next(iter(chosen.items()), (f"{key}.unit", "mag"))
        position = units.get("position", "deg")
        known = ["mag", *FLUX_UNITS, COUNTS] if len(set(chosen.values())) < 2 else [unit]
        for name, found, accepted in (
            *((name, text, known) for name, text in chosen.items()),
            (f"{key}.units.position", position, list(ANGLE_UNITS)),
        ):
            if found not in accepted:
                raise InputError(
                    "unknown unit", key=name, found=found, expected=", ".join(accepted)
                )
        zero_point = entry.get("zero_point")
        if (zero_point is None) == (unit == COUNTS):
            raise InputError(
                "a zero point belongs to counts, and counts need one",
                key=f"{key}.zero_point",
                found=f"{zero_point} with {unit}",
                expected=f"the AB magnitude of one count, if {unit_key} is {COUNTS}; or null",
            )
        flux_of_zero = FLUX_UNITS.get(unit) if zero_point is None else 10 ** (0.4 * zero_point)
        nulls = tuple(_number(value) for value in entry.get("null_values", ()))
        return cls(
            key=key,
            columns=_named(entry["columns"]),
            extra_columns=_named(entry.get("extra_columns", {})),
            band_names=entry.get("band_names", {}),
            missing_bands=tuple(entry.get("missing_bands", ())),
            unit=unit,
            position_unit=position,
            flux_of_zero=flux_of_zero,
            null_values=nulls if np.isinf(undetected) else (*nulls, np.inf),
            non_detection_values=tuple(map(float, entry.get("non_detection_values", ()))),
            min_snr=entry.get("min_snr"),
            how=ReadingOptions(**{key: entry[key] for key in HOW if key in entry}),
            undetected=undetected,
        )

    def to_train(self, bands: Sequence[str]) -> list[Column]:
        """Return all columns that are described; positions as ``{ra,dec}_raw``, in their unit."""
        for quantity in NEEDED:
            if quantity not in self.columns:
                raise InputError(
                    "a column is needed", key=f"{self.key}.columns.{quantity}", expected="its name"
                )
        columns = []
        for quantity, name in self.columns.items():
            if quantity in OF_BANDS:
                columns += self._of_bands(quantity, bands)
            elif quantity in POSITIONS:
                # Range is checked in degrees, after the conversion.
                nulls, unit = self.null_values, self.position_unit
                columns.append(Column(f"{quantity}_raw", name, unit=unit, nulls=nulls))
            else:
                kind = KIND_OF.get(quantity, "float")
                nulls = self.null_values if kind == "float" else ()
                required = quantity != "redshift_err"
                columns.append(Column(quantity, name, kind, required=required, nulls=nulls))
        taken = {*GIVEN, *(column.quantity for column in columns)}
        for quantity, name in self.extra_columns.items():
            column = Column(quantity, name, nulls=self.null_values)
            for extra in expand_bands(column, self._names(bands)):
                if extra.quantity in taken:
                    raise InputError(
                        "a name of the workflow's own",
                        key=f"{self.key}.extra_columns",
                        found=extra.quantity,
                        expected="another name",
                        fix="choose one that no other column of the catalogue table has",
                    )
                columns.append(extra)
        return columns

    def to_predict(self, bands: Sequence[str], inputs: Sequence[str]) -> list[Column]:
        """Return the identifier, what the networks read, and the columns to carry along.

        Parameters
        ----------
        bands : sequence of str
            All bands of the networks; those in ``missing_bands`` are not looked for.
        inputs : sequence of str
            Inputs of the networks: the columns ``mag_{band}`` and, if asked for,
            ``mag_err_{band}``, or their asinh magnitudes. Errors are read for ``min_snr`` too.

        Raises
        ------
        InputError
            If a template is lacking or names no band.
        """
        columns = []
        if "object_id" in self.columns:
            columns.append(Column("object_id", self.columns["object_id"], "id"))
        for quantity in OF_BANDS:
            judged = quantity == "mag_err" and self.min_snr is not None
            names = {f"{name}_{band}" for name in (quantity, ASINH[quantity]) for band in bands}
            if not judged and not names & set(inputs):
                continue
            if quantity not in self.columns:
                reader = f"{self.key}.min_snr needs" if judged else "the networks read"
                raise InputError(
                    f"{reader} it, and the catalogue's description does not say where it is",
                    key=f"{self.key}.columns.{quantity}",
                    expected="a column name with {band} where the name of the band stands",
                )
            columns += self._of_bands(quantity, bands)
        carried = self.extra_columns.items()
        columns += [Column(CARRIED + new, name, "any") for new, name in carried]
        return columns

    def _names(self, bands: Sequence[str]) -> dict[str, str]:
        here = [band for band in bands if band not in self.missing_bands]
        return {band: self.band_names.get(band, band) for band in here}

    def _of_bands(self, quantity: str, bands: Sequence[str]) -> list[Column]:
        template = self.columns[quantity]
        if "{band}" not in template:
            raise InputError(
                "the template names no band",
                key=f"{self.key}.columns.{quantity}",
                found=template,
                expected="{band} where the name of the band stands",
            )
        unit = "" if self.unit == COUNTS else self.unit
        column = Column(f"{quantity}_{{band}}", template, unit=unit, nulls=self.null_values)
        return expand_bands(column, self._names(bands))

    def standardised(
        self,
        table: pd.DataFrame,
        bands: Sequence[str],
        softening: Mapping[str, float] = MappingProxyType({}),
    ) -> pd.DataFrame:
        """Return a piece with AB magnitudes: NaN is missing, `undetected` is not detected.

        A flux that is not positive is a non-detection. So is a magnitude that is one of
        ``non_detection_values``, and what is below the signal-to-noise ratio ``min_snr``:
        f / sigma_f, or 2.5 / (ln 10 sigma_mag). What no magnitude has, and what has an error that
        is not positive, is no measurement.

        Bands with a `softening` get asinh magnitudes too. A flux has one whatever its sign and its
        signal-to-noise ratio.
        """
        converted = table.copy(deep=False)
        # What is trained on keeps the precision of its file.
        precision = np.float64 if np.isinf(self.undetected) else None
        for band in bands:
            mag, err = f"mag_{band}", f"mag_err_{band}"
            if mag not in table:
                converted[mag] = np.nan
                converted[err] = np.nan
                continue
            values = table[mag].to_numpy(precision)
            errors = table[err].to_numpy(precision) if err in table else None
            unseen = self._not_detected(values, errors)
            if self.unit != "mag":
                self._note_repeated(mag, values)
            refused = np.zeros(len(values), bool) if errors is None else errors <= 0
            if band in softening:
                measured = self._asinh_magnitudes(values, errors, refused, softening[band])
                converted[f"asinh_{band}"] = measured[0]
                if errors is not None:
                    converted[f"asinh_err_{band}"] = measured[1]
            if self.flux_of_zero is not None:
                errors = None if errors is None else magnitude_error(values, errors)
                values = ab_magnitude(values, self.flux_of_zero)
            # A magnitude that means "not detected" is none, and is expected.
            refused = (refused | no_magnitude(values)) & ~unseen & ~np.isnan(values)
            if refused.any():
                self.refused[mag] += int(refused.sum())
            elif self.flux_of_zero is None and not unseen.any():
                continue
            unseen = unseen & ~refused
            for name, numbers in ((mag, values), (err, errors)):
                if numbers is not None:
                    seen = np.where(unseen, self.undetected, numbers)
                    converted[name] = np.where(refused, np.nan, seen)
        return with_asinh_magnitudes(converted, softening)

    def warn_of_refused(self) -> None:
        """Write to the log how many values were taken for no measurement, and what to do."""
        for (name, flux), count in self.repeated.items():
            logger.warning(
                "%s: the flux is %g in %d rows; taken for non-detections. If it means that nothing "
                "was observed, name it in %s.null_values",
                *(name, flux, count, self.key),
            )
        low, high = MAGNITUDE_RANGE
        for name, count in self.refused.items():
            logger.warning(
                "%s: %d values are no magnitude between %g and %g, or have an error that is not "
                "positive; taken for missing. If they mean that nothing was observed, name them in "
                "%s.null_values",
                *(name, count, low, high, self.key),
            )

    def _note_repeated(self, name: str, fluxes: np.ndarray) -> None:
        """Count the lowest flux where it is negative and occurs twice, as no noise does."""
        lowest = np.fmin.reduce(fluxes, initial=0.0)
        count = int((fluxes == lowest).sum())
        if lowest < 0 and count > 1:
            self.repeated[name, float(lowest)] += count

    def _asinh_magnitudes(
        self, values: np.ndarray, errors: np.ndarray | None, refused: np.ndarray, softening: float
    ) -> list[np.ndarray]:
        """Return asinh magnitudes and their errors, NaN or `undetected` where there is no flux."""
        flux, unseen = values, np.zeros(len(values), bool)
        noise = np.full(len(values), np.nan) if errors is None else errors
        if self.flux_of_zero is None:
            unseen = self._without_value(values)
            refused = refused | no_magnitude(values)
            flux, noise = flux_of_magnitude(values, noise)
        else:
            flux, noise = flux / self.flux_of_zero, noise / self.flux_of_zero
        measured = asinh_magnitude(flux, softening), asinh_magnitude_error(flux, noise, softening)
        return [
            np.where(unseen, self.undetected, np.where(refused, np.nan, numbers))
            for numbers in measured
        ]

    def _not_detected(self, values: np.ndarray, errors: np.ndarray | None) -> np.ndarray:
        """Return which magnitudes or fluxes are non-detections."""
        if self.unit != "mag":
            unseen = values <= 0
            return unseen if self.min_snr is None else unseen | (values < self.min_snr * errors)
        unseen = self._without_value(values)
        return (
            unseen
            if self.min_snr is None
            else unseen | (errors > MAG_PER_RELATIVE_ERROR / self.min_snr)
        )

    def _without_value(self, values: np.ndarray) -> np.ndarray:
        """Return which magnitudes say that nothing was detected."""
        unseen = np.isposinf(values)
        for sentinel in self.non_detection_values:
            # In the column's own precision: 99.9 as float32 is not 99.9 as float64.
            unseen |= (values == sentinel) | (values == np.float64(np.float32(sentinel)))
        return unseen


def _number(value: float | str) -> float | str:
    """Return a null value as a number, or the word that it is."""
    try:
        return float(value)
    except ValueError:
        return value


def _named(columns: Mapping[str, str | None]) -> dict[str, str]:
    """Return columns without those set to null."""
    return {new: name for new, name in columns.items() if name is not None}
