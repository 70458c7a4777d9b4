"""Writers of tables and distributions of any length, by pieces, in constant memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.core.products import atomic_path

# Rows of each row group of a written table: fixed, so that the bytes do not depend on the pieces.
ROW_GROUP = 65536
# Rows of each block of written identifiers, and distributions written at a time.
ID_ROWS, PDF_ROWS = 4096, 16384


class TableWriter:
    """Writes pieces as one Parquet file whose bytes do not depend on how it was cut.

    A context manager; the file appears under its name only when whole.

    Parameters
    ----------
    path : path-like
    metadata : dict of str, optional
        Key-value metadata of the file.
    """

    def __init__(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
        self._file = atomic_path(path)
        self._metadata = dict(metadata or {})
        self._pending: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def __enter__(self) -> TableWriter:
        """Open a temporary file beside the final one."""
        self._path = self._file.__enter__()
        return self

    def write(self, piece: pd.DataFrame) -> None:
        """Add rows; all pieces have the same columns and types."""
        table = pa.Table.from_pandas(piece, preserve_index=False).replace_schema_metadata(
            self._metadata
        )
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="zstd", write_page_checksum=True
            )
        self.rows += len(piece)
        self._pending.append(table.cast(self._writer.schema))
        while sum(map(len, self._pending)) >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending).combine_chunks()
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        self._pending = [table.slice(rows)]

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool | None:
        """Write what is left and move the file into place, unless there was an error."""
        if self._writer is not None:
            if kind is None and any(map(len, self._pending)):
                self._flush(ROW_GROUP)
            self._writer.close()
        return self._file.__exit__(kind, *error)


class DistributionWriter:
    """Writes distributions as qp's HDF5 file of an ensemble of type ``hist``.

    ``qp.read`` opens it (qp-prob 1.1): group ``meta`` (type, version, edges of the classes),
    ``data`` (density in each class, one row per galaxy), ``ancil`` (identifiers).

    Parameters
    ----------
    path : path-like
    edges : numpy.ndarray, shape (k + 1,)
        Of the classes of redshift.
    identifier : str
        Name of the identifiers.
    """

    def __init__(
        self, path: str | Path, edges: np.ndarray, *, identifier: str = "object_id"
    ) -> None:
        self._file = atomic_path(path)
        self._identifier = f"ancil/{identifier}"
        self._edges = np.asarray(edges, dtype=np.float64)
        self._rows = 0
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []

    def __enter__(self) -> DistributionWriter:
        """Open a temporary file beside the final one."""
        self._handle = h5py.File(self._file.__enter__(), "w")
        meta = self._handle.create_group("meta")
        meta["pdf_name"] = np.array([b"hist"])
        meta["pdf_version"] = np.array([0])
        meta["bins"] = self._edges[None, :]
        classes = len(self._edges) - 1
        self._densities = self._handle.create_dataset(
            "data/pdfs",
            (0, classes),
            maxshape=(None, classes),
            chunks=(256, classes),
            dtype="f4",
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        self._ids: h5py.Dataset | None = None
        return self

    def write(self, object_id: np.ndarray, probability: np.ndarray) -> None:
        """Add galaxies: identifiers, shape (n,), and probabilities of the classes, (n, k)."""
        identifiers = np.asarray(object_id)
        if identifiers.dtype.kind != "i":
            identifiers = identifiers.astype(object)
        densities = np.asarray(probability) / np.diff(self._edges)
        self._pending.append((identifiers, densities.astype(np.float32)))
        while sum(len(ids) for ids, _ in self._pending) >= PDF_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Write at most `PDF_ROWS` rows, so that the bytes do not depend on the pieces."""
        ids = np.concatenate([ids for ids, _ in self._pending])
        densities = np.concatenate([values for _, values in self._pending])
        self._pending = [(ids[PDF_ROWS:], densities[PDF_ROWS:])]
        ids, densities = ids[:PDF_ROWS], densities[:PDF_ROWS]
        if self._ids is None:
            kind = ids.dtype if ids.dtype.kind == "i" else h5py.string_dtype()
            self._ids = self._handle.create_dataset(
                self._identifier, (0,), maxshape=(None,), chunks=(ID_ROWS,), dtype=kind
            )
        total = self._rows + len(ids)
        for dataset, values in ((self._densities, densities), (self._ids, ids)):
            dataset.resize(total, axis=0)
            dataset[self._rows : total] = values
        self._rows = total

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool | None:
        """Write what is left and move the file into place, unless there was an error."""
        if kind is None and any(len(ids) for ids, _ in self._pending):
            self._flush()
        self._handle.close()
        return self._file.__exit__(kind, *error)
