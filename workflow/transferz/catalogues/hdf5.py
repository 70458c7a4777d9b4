"""Tables of HDF5 files: plain ones, compound ones, those of pandas and of vaex."""

from __future__ import annotations

import contextlib
import pickletools
from collections.abc import Collection, Iterator, Mapping, Sequence

import h5py
import numpy as np

from transferz.catalogues.columns import did_you_mean
from transferz.catalogues.container import Container, RawTable
from transferz.core.errors import InputError

# Attributes of netCDF-4, which is HDF5: values that mean none, and how stored values are scaled.
NO_VALUE = ("_FillValue", "missing_value")
SCALED = ("scale_factor", "add_offset")


class Hdf5Table(Container):
    """Columns of an HDF5 file: a 1-D dataset each, or the fields of a compound dataset.

    `table` is the group or dataset; by default the root, or the only table of the file.
    """

    what = "HDF5 file"
    suffixes = (".hdf5", ".h5", ".hdf")
    errors = (OSError, RuntimeError, ValueError, KeyError)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Find the datasets."""
        handle = stack.enter_context(h5py.File(self.path, "r"))
        if self.table is not None and str(self.table) not in handle:
            raise InputError(
                "no such group or dataset",
                file=self.path,
                key=str(self.table),
                found=did_you_mean(str(self.table), list(handle)),
                expected="a group or dataset of the file",
                fix="name the right one",
            )
        node = handle if self.table is None else handle[str(self.table)]
        if self.table is None and not has_columns(handle):
            tables = tables_of(handle)
            if len(tables) != 1:
                raise InputError(
                    "no table at the root of the file",
                    file=self.path,
                    key="table",
                    found=", ".join(tables[:8]) or "no dataset",
                    expected="the group or dataset of the catalogue",
                    fix="name it with the key `table` of the catalogue's description",
                )
            node = handle[tables[0]]
        self.node = columns_of(node)
        self.names = list(self.node if isinstance(self.node, dict) else self.node.dtype.names or ())

    def pieces(
        self, names: Sequence[str], as_text: Collection[str], rows: int | None
    ) -> Iterator[RawTable]:
        """Yield the columns `names`, at most `rows` rows at a time."""
        units, empty = {}, {}
        if isinstance(self.node, dict):
            stored = {name: self.node[name] for name in names}
            types = {name: dataset.dtype for name, dataset in stored.items()}
            shapes = {name: dataset.shape for name, dataset in stored.items()}
            for name, dataset in stored.items():
                unit = dataset.attrs.get("unit", dataset.attrs.get("units"))
                if unit is not None:
                    units[name] = unit.decode() if isinstance(unit, bytes) else str(unit)
                empty[name] = [dataset.attrs[key] for key in NO_VALUE if key in dataset.attrs]
                self._refuse_scaled(name, dataset.attrs)
        else:
            stored = {name: self.node.fields(name) for name in names}
            types = {name: self.node.dtype[name] for name in names}
            shapes = {name: (len(self.node), *types[name].shape) for name in names}
        self._check(types, shapes)
        total = next(iter(shapes.values()))[0] if shapes else 0
        step = rows or max(1, total)
        for first in range(0, total, step):
            part = slice(first, first + step)
            content = {name: decoded(values[part]) for name, values in stored.items()}
            nulls = {name: are_one_of(content[name], marks) for name, marks in empty.items()}
            yield RawTable(content, {n: null for n, null in nulls.items() if null.any()}, units)

    def _check(self, types: Mapping[str, np.dtype], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise an `InputError` unless columns are of plain values, one per row, as many in all."""
        for name, shape in shapes.items():
            if not shape or types[name].base.kind == "V" or h5py.check_ref_dtype(types[name]):
                raise InputError(
                    "not a column of numbers or text",
                    file=self.path,
                    key=name,
                    found=f"type {types[name]}" if shape else "a single value",
                    expected="a number or a text per row",
                    fix="name the dataset that has them",
                )
            self.check_scalar(name, shape[1:])
        if len({shape[0] for shape in shapes.values()}) > 1:
            raise InputError(
                "columns of different lengths",
                file=self.path,
                found=", ".join(f"{name}: {shape[0]}" for name, shape in shapes.items()),
                expected="one value per row in each",
                fix="write the file again, or name the group of one table",
            )

    def _refuse_scaled(self, name: str, attributes: Mapping[str, object]) -> None:
        """Raise an `InputError` if what is stored is not what is meant."""
        for key in SCALED:
            if key in attributes:
                raise InputError(
                    "a scaled column",
                    file=self.path,
                    key=name,
                    found=f"the attribute {key}",
                    expected="the values themselves",
                    fix="write the column without a scale",
                )


def are_one_of(values: np.ndarray, marks: Sequence[object]) -> np.ndarray:
    """Return which values are one of `marks`, in their own precision."""
    found = np.zeros(len(values), bool)
    for mark in marks:
        found |= values == np.asarray(mark).astype(values.dtype).ravel()[0]
    return found


def decoded(values: np.ndarray) -> np.ndarray:
    """Return one value per row, text in place of the bytes that HDF5 stores."""
    values = values.reshape(len(values))
    if values.dtype.kind not in "SO":
        return values
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return np.array(texts, dtype=object)


class BlockColumn:
    """One column of a block, in which pandas stores those of one type: a dataset, or its field."""

    def __init__(self, dataset: h5py.Dataset, place: int, field: str | None = None) -> None:
        self.dataset, self.place, self.field, self.attrs = dataset, place, field, {}
        self.dtype = dataset.dtype if field is None else dataset.dtype[field].base
        self.shape = dataset.shape[:1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        if self.field is None:
            return self.dataset[rows, self.place]
        values = self.dataset.fields(self.field)[rows]
        return values.reshape(len(values), -1)[:, self.place]


def columns_of(node: h5py.Group | h5py.Dataset) -> dict[str, h5py.Dataset] | h5py.Dataset:
    """Return the columns of a group by name, or the compound dataset that holds them."""
    if isinstance(node, h5py.Dataset):
        return node
    if "pandas_type" in node.attrs and "axis1" in node:
        return pandas_columns(node)
    if "pandas_type" in node.attrs and "table" in node:
        return pandas_table(node)
    if is_vaex(node):
        columns = {name: item["data"] for name, item in node["columns"].items()}
        masks = {f"{n}.mask": item["mask"] for n, item in node["columns"].items() if "mask" in item}
        return columns | masks
    datasets = {name: item for name, item in node.items() if isinstance(item, h5py.Dataset)}
    compound = [item for item in datasets.values() if item.dtype.names]
    return compound[0] if len(compound) == 1 else datasets


def pandas_columns(node: h5py.Group) -> dict[str, h5py.Dataset | BlockColumn]:
    """Return the columns of a table that pandas wrote in its fixed format, and its named index."""
    columns: dict[str, h5py.Dataset | BlockColumn] = {}
    for name in pickled_texts(node["axis1"].attrs.get("name", b"")):
        columns[name] = node["axis1"]
    for number in range(int(node.attrs.get("nblocks", 0))):
        values = node[f"block{number}_values"]
        for place, item in enumerate(node[f"block{number}_items"][:]):
            text = item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
            # Text is pickled objects: a dataset of another shape, refused if it is asked for.
            columns[text] = BlockColumn(values, place) if values.ndim == 2 else values
    return columns


def pandas_table(node: h5py.Group) -> dict[str, BlockColumn]:
    """Return the columns of a table that pandas wrote in its table format, and its named index."""
    table, columns = node["table"], {}
    for field in table.dtype.names:
        if field == "index":
            texts = [*pickled_texts(node.attrs.get("info", b"")), "index_name", "index"]
            names = [texts[texts.index("index_name") + 1]]
        else:
            names = pickled_texts(table.attrs.get(f"{field}_kind", b""))
        columns |= {name: BlockColumn(table, place, field) for place, name in enumerate(names)}
    return columns


def pickled_texts(content: bytes) -> list[str]:
    """Return the texts of a pickled object, of which nothing is executed."""
    return [
        found for code, found, _ in pickletools.genops(bytes(content)) if "UNICODE" in code.name
    ]


def is_vaex(node: h5py.Group) -> bool:
    """Whether a group is a table that vaex wrote."""
    columns = node.get("columns")
    return isinstance(columns, h5py.Group) and all(
        isinstance(item, h5py.Group) and "data" in item for item in columns.values()
    )


def has_columns(node: h5py.Group) -> bool:
    """Whether a group is a table."""
    datasets = any(isinstance(item, h5py.Dataset) for item in node.values())
    return datasets or "pandas_type" in node.attrs or is_vaex(node)


def tables_of(node: h5py.Group) -> list[str]:
    """Return the paths of all groups that are tables."""
    found = []
    for item in node.values():
        if isinstance(item, h5py.Group):
            found += [item.name] if has_columns(item) else tables_of(item)
    return found
