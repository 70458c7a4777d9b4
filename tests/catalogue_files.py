"""Catalogues in every format, written through libraries that the readers do not use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Table


def write(table: pd.DataFrame, path: Path, units: Mapping[str, str] | None = None) -> Path:
    """Write `table` in the format of the suffix, units of columns where it has a place for them."""
    units = units or {}
    if ".fits" in path.name:
        astropy_table = Table.from_pandas(table)
        for name, unit in units.items():
            astropy_table[name].unit = unit
        astropy_table.write(path, overwrite=True)
    elif ".csv" in path.name:
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        for name, unit in units.items():
            number = arrow.schema.get_field_index(name)
            labelled = arrow.schema.field(number).with_metadata({"unit": unit})
            arrow = arrow.set_column(number, labelled, arrow[name])
        pq.write_table(arrow, path)
    elif ".tsv" in path.name:
        table.to_csv(path, index=False, sep="\t")
    else:
        with h5py.File(path, "w") as handle:
            for name in table:
                values = table[name].to_numpy()
                handle[name] = values.astype("S") if values.dtype.kind in "OUT" else values
                if name in units:
                    handle[name].attrs["unit"] = units[name]
    return path
