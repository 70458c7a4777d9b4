"""The description of somebody's own catalogue: one language for training and for predicting.

It is a mapping of the configuration: ``predict.catalogue``, or an entry of ``custom``. Both may
use every key:

    columns             quantity: name in the file; ``{band}`` stands for each band
    extra_columns       more columns, name here: name in the file
    band_names          the file's own name of a band where it differs
    missing_bands       bands that the file does not have
    unit, units         of magnitudes or fluxes (``unit``, or ``units.mag``) and ``units.position``
    null_values         values that mean "not observed"
    non_detection_values, min_snr
                        what means "observed and not detected"
    format, table       see `reading.read_catalogue`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from transferz.catalogues.columns import Column, expand_bands
from transferz.catalogues.units import (
    ANGLE_UNITS,
    FLUX_UNITS,
    MAG_PER_RELATIVE_ERROR,
    ab_magnitude,
    magnitude_error,
)
from transferz.core.errors import InputError

KIND_OF = {"object_id": "id", "split": "text"}
POSITIONS = ("ra", "dec")
OF_BANDS = ("mag", "mag_err")
# Columns of a catalogue to train on; its positions may lack.
NEEDED = ("mag", "mag_err", "redshift")


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
        "mag" or one of `FLUX_UNITS`; one of `ANGLE_UNITS`.
    null_values, non_detection_values : tuple of float
    min_snr : float or None
        Signal-to-noise ratio below which nothing is detected.
    format : str
    table : int, str or None
    undetected : float
        What a non-detection becomes: infinity to predict; NaN to train, then infinity in the file
        is a null as well.
    """

    key: str
    columns: Mapping[str, str]
    extra_columns: Mapping[str, str]
    band_names: Mapping[str, str]
    missing_bands: tuple[str, ...]
    unit: str
    position_unit: str
    null_values: tuple[float, ...]
    non_detection_values: tuple[float, ...]
    min_snr: float | None
    format: str
    table: int | str | None
    undetected: float

    @classmethod
    def from_config(
        cls, entry: Mapping, key: str = "predict.catalogue", *, undetected: float = np.inf
    ) -> CatalogueDescription:
        """Take a description from the configuration; keys that are left out have no effect.

        Raises
        ------
        InputError
            If a unit is none of those known.
        """
        units = entry.get("units", {})
        unit, position = entry.get("unit", units.get("mag", "mag")), units.get("position", "deg")
        unit_key = "unit" if "unit" in entry else "units.mag"
        for name, found, known in (
            (unit_key, unit, ["mag", *FLUX_UNITS]),
            ("units.position", position, list(ANGLE_UNITS)),
        ):
            if found not in known:
                raise InputError(
                    "unknown unit", key=f"{key}.{name}", found=found, expected=", ".join(known)
                )
        nulls = tuple(float(value) for value in entry.get("null_values", ()))
        return cls(
            key=key,
            columns=_named(entry["columns"]),
            extra_columns=_named(entry.get("extra_columns", {})),
            band_names=entry.get("band_names", {}),
            missing_bands=tuple(entry.get("missing_bands", ())),
            unit=unit,
            position_unit=position,
            null_values=nulls if np.isinf(undetected) else (*nulls, np.inf),
            non_detection_values=tuple(map(float, entry.get("non_detection_values", ()))),
            min_snr=entry.get("min_snr"),
            format=entry.get("format", "auto"),
            table=entry.get("table"),
            undetected=undetected,
        )

    def to_train(self, bands: Sequence[str]) -> list[Column]:
        """Return all columns that are described; positions in other units as ``{ra,dec}_raw``."""
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
                read_as = quantity if self.position_unit == "deg" else f"{quantity}_raw"
                columns.append(Column(read_as, name, unit=self.position_unit))
            else:
                kind = KIND_OF.get(quantity, "float")
                nulls = self.null_values if kind == "float" else ()
                required = quantity != "redshift_err"
                columns.append(Column(quantity, name, kind, required=required, nulls=nulls))
        for quantity, name in self.extra_columns.items():
            column = Column(quantity, name, nulls=self.null_values)
            columns += expand_bands(column, self._names(bands))
        return columns

    def to_predict(self, bands: Sequence[str], inputs: Sequence[str]) -> list[Column]:
        """Return the identifier, what the networks read, and the columns to carry along.

        Parameters
        ----------
        bands : sequence of str
            All bands of the networks; those in ``missing_bands`` are not looked for.
        inputs : sequence of str
            Inputs of the networks: the columns ``mag_{band}`` and, if asked for,
            ``mag_err_{band}``. Errors are read for ``min_snr`` too.

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
            if not judged and not any(f"{quantity}_{band}" in inputs for band in bands):
                continue
            if quantity not in self.columns:
                reader = f"{self.key}.min_snr needs" if judged else "the networks read"
                raise InputError(
                    f"{reader} it, and the catalogue's description does not say where it is",
                    key=f"{self.key}.columns.{quantity}",
                    expected="a column name with {band} where the name of the band stands",
                )
            columns += self._of_bands(quantity, bands)
        columns += [Column(new, name, "any") for new, name in self.extra_columns.items()]
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
        column = Column(f"{quantity}_{{band}}", template, unit=self.unit, nulls=self.null_values)
        return expand_bands(column, self._names(bands))

    def standardised(self, table: pd.DataFrame, bands: Sequence[str]) -> pd.DataFrame:
        """Return a piece with AB magnitudes: NaN is missing, `undetected` is not detected.

        A flux that is not positive is a non-detection. So is a magnitude that is one of
        ``non_detection_values``, and what is below the signal-to-noise ratio ``min_snr``:
        f / sigma_f, or 2.5 / (ln 10 sigma_mag).
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
                errors = None if errors is None else magnitude_error(values, errors)
                values = ab_magnitude(values, self.unit)
            elif not unseen.any():
                continue
            converted[mag] = np.where(unseen, self.undetected, values)
            if errors is not None:
                converted[err] = np.where(unseen, self.undetected, errors)
        return converted

    def _not_detected(self, values: np.ndarray, errors: np.ndarray | None) -> np.ndarray:
        """Return which magnitudes or fluxes are non-detections."""
        if self.unit != "mag":
            unseen = values <= 0
            return unseen if self.min_snr is None else unseen | (values < self.min_snr * errors)
        unseen = np.isposinf(values)
        for sentinel in self.non_detection_values:
            # In the column's own precision: 99.9 as float32 is not 99.9 as float64.
            unseen |= (values == sentinel) | (values == np.float64(np.float32(sentinel)))
        return (
            unseen
            if self.min_snr is None
            else unseen | (errors > MAG_PER_RELATIVE_ERROR / self.min_snr)
        )


def _named(columns: Mapping[str, str | None]) -> dict[str, str]:
    """Return columns without those set to null."""
    return {new: name for new, name in columns.items() if name is not None}
