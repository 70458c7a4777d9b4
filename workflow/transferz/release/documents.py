"""The documents of the released data set, for people and for machines.

The words of README.md, DATASHEET.md (Gebru et al. 2021, arXiv:1803.09010) and CITATION.cff are in
templates beside this file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import jinja2
import pandas as pd

from transferz.core import crate
from transferz.core.products import sha256
from transferz.release.table import Description, dictionary, label_uncertainty

DATA_FILES = [
    "release_sources.tsv", "croissant_context.json",
    "README.md.j2", "DATASHEET.md.j2", "CITATION.cff.j2",
]  # fmt: skip
HERE = Path(__file__).parent

PAPER = "Soriano et al. 2024, arXiv:2411.18054"
SIMULATED = (
    "**Simulated.** These rows were made from the embedded survey, not from the real "
    "COSMOS2020 and HSC catalogues; use them to test, not for science."
)


@dataclass(frozen=True)
class Edition:
    """A release as a publication.

    Attributes
    ----------
    survey : {"embedded", "archive"}
    version, license : str
        The licence by its SPDX name.
    date : str
        Day of this version, YYYY-MM-DD.
    url : str
        Page of the data set.
    creators : sequence of str
    """

    survey: str
    version: str
    license: str
    date: str
    url: str
    creators: Sequence[str]

    @property
    def simulated(self) -> bool:
        """Whether every document must say so."""
        return self.survey == "embedded"


@dataclass(frozen=True)
class Source:
    """A publication that the data set rests on, and what its data ask of their users."""

    key: str
    name: str
    title: str
    family: str
    given: str
    year: str
    reference: str
    identifier: str
    url: str
    licence: str
    acknowledgement: str

    @property
    def cite(self) -> str:
        """Short reference and identifier, said once."""
        known = self.identifier in self.reference
        return self.reference if known else f"{self.reference}, {self.identifier}"


# What the data set has to do with its sources, in DataCite's words.
RELATIONS = {"paper": "isDescribedBy", "galaxiesml": "references"}


def sources_of(hsc_version: str) -> list[Source]:
    """Return the paper and the catalogues behind a release made with this version of HSC."""
    with (HERE / DATA_FILES[0]).open(encoding="utf-8", newline="") as handle:
        rows = [Source(**row) for row in csv.DictReader(handle, delimiter="\t")]
    wanted = ("paper", "cosmos2020", f"hsc_{hsc_version}", "galaxiesml")
    return [source for source in rows if source.key in wanted]


@dataclass(frozen=True)
class Release:
    """The data set, and what its documents say of it.

    Attributes
    ----------
    table : pandas.DataFrame
    descriptions : sequence of Description
        One per column of `table`.
    cutflow : pandas.DataFrame
        With the columns `step, stage, cut, description, n_in, n_out, n_removed, fraction`.
    edition : Edition
    provenance : mapping
        ``hsc_version, cosmos_version, n_hsc, n_cosmos, radius_arcsec`` and ``inputs``.
    bands : sequence of str
    extinction : str
        Correction applied to the magnitudes (config, ``photometry.extinction``).
    """

    table: pd.DataFrame
    descriptions: Sequence[Description]
    cutflow: pd.DataFrame
    edition: Edition
    provenance: Mapping[str, object]
    bands: Sequence[str]
    extinction: str

    @cached_property
    def dictionary(self) -> pd.DataFrame:
        """The data dictionary."""
        return dictionary(self.table, self.descriptions)

    @cached_property
    def sources(self) -> list[Source]:
        """The paper and the catalogues behind the data set."""
        return sources_of(self.provenance["hsc_version"])

    @property
    def title(self) -> str:
        """Title of the data set."""
        text = "TransferZ: HSC photometry with COSMOS2020 photometric redshifts"
        return f"{text} (simulated)" if self.edition.simulated else text

    @property
    def summary(self) -> str:
        """What the data set is, in a sentence or two of plain text."""
        text = (
            f"{len(self.table)} galaxies with HSC photometry labelled by COSMOS2020 photometric "
            "redshifts."
        )
        return f"{SIMULATED.replace('*', '')} {text}" if self.edition.simulated else text

    def render(self, name: str) -> str:
        """Return README.md, DATASHEET.md or CITATION.cff from its template."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["cell"] = markdown_cell
        # Without the counts there is nothing to say about the step that removed most.
        selection = self.cutflow[self.cutflow["stage"] == "selection"]
        magnitude = f"mag_{'i' if 'i' in self.bands else self.bands[0]}"
        return environment.get_template(f"{name}.j2").render(
            {item.name: getattr(self, item.name) for item in fields(self)},
            PAPER=PAPER,
            SIMULATED=SIMULATED,
            title=self.title,
            sources=self.sources,
            dictionary=self.dictionary,
            hardest=selection.nlargest(3, "n_removed", keep="first"),
            magnitude=magnitude,
            uncertainty=label_uncertainty(self.table, magnitude),
        )

    def croissant(self, files: Sequence[str | Path]) -> str:
        """Return croissant.json: the data set as Croissant 1.1 JSON-LD.

        The records are read from the Parquet file, whose columns have their types.

        Parameters
        ----------
        files : sequence of path
            Data files, one of them Parquet.
        """
        parquet = next(Path(path).name for path in files if str(path).endswith(".parquet"))
        document = {
            "@context": json.loads((HERE / DATA_FILES[1]).read_text(encoding="utf-8")),
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.1",
            "name": "TransferZ",
            "description": self.summary,
            "version": self.edition.version,
            "datePublished": self.edition.date,
            "license": crate.SPDX_URL.format(license=self.edition.license),
            "url": self.edition.url,
            "citeAs": PAPER,
            "creator": [
                {"@type": "sc:Organization", "name": name} for name in self.edition.creators
            ],
            "distribution": [_croissant_file(Path(path)) for path in files],
            "recordSet": [
                {
                    "@type": "cr:RecordSet",
                    "@id": "galaxies",
                    "name": "galaxies",
                    "description": "One galaxy per record.",
                    "key": {"@id": "galaxies/object_id"},
                    "field": [
                        _croissant_field(row, parquet) for row in self.dictionary.itertuples()
                    ],
                }
            ],
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def ro_crate(self, files: Mapping[str | Path, str]) -> str:
        """Return ro-crate-metadata.json: the folder of the release as an RO-Crate 1.1.

        Parameters
        ----------
        files : mapping of path to str
            Files of the release, with a description of each.
        """
        edition = self.edition
        licence = crate.licence_entity(edition.license)
        creators = [
            {"@id": f"#creator-{number}", "@type": "Organization", "name": name}
            for number, name in enumerate(edition.creators, start=1)
        ]
        sources = [
            {"@id": each.url, "@type": "CreativeWork", "name": each.title, "citation": each.cite}
            for each in self.sources
        ]
        columns = [_crate_column(row) for row in self.dictionary.itertuples()]
        parts = [
            crate.file_entity(path, Path(path).parent) | {"description": text}
            for path, text in files.items()
        ]
        root = {
            "name": self.title,
            "description": self.summary,
            "version": edition.version,
            "datePublished": edition.date,
            "license": crate.reference(licence),
            "url": edition.url,
            "author": crate.references(creators),
            "isBasedOn": crate.references(sources),
            "variableMeasured": crate.references(columns),
            "hasPart": crate.references(parts),
        }
        return crate.text(root, [licence, *creators, *sources, *columns, *parts])

    def zenodo(self) -> str:
        """Return zenodo.json: metadata for an upload, as Zenodo's deposit interface takes them."""
        document = {
            "title": self.title,
            "upload_type": "dataset",
            "access_right": "open",
            "description": f"<p>{self.summary} Columns, cuts with counts, biases, "
            "licences: README.md and DATASHEET.md.</p>",
            "creators": [{"name": name} for name in self.edition.creators],
            "license": self.edition.license.lower(),
            "version": self.edition.version,
            "publication_date": self.edition.date,
            "language": "eng",
            "keywords": ["photometric redshifts", "galaxies", "HSC", "COSMOS", "transfer learning"],
            "related_identifiers": [
                {
                    "identifier": source.identifier.removeprefix("doi:"),
                    "relation": RELATIONS.get(source.key, "isDerivedFrom"),
                }
                for source in self.sources
            ]
            + [{"identifier": self.edition.url, "relation": "isDocumentedBy"}],
            "references": [source.cite for source in self.sources],
            "notes": "\n\n".join(
                source.acknowledgement for source in self.sources if source.acknowledgement != "-"
            ),
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _unit_of(row: tuple) -> dict[str, str]:
    """Return the unit of a column as schema.org has it, nothing where it has none."""
    return {"unitText": row.unit} if row.unit else {}


def _crate_column(row: tuple) -> dict[str, str]:
    """Entry of a column in the RO-Crate, from its row of the data dictionary."""
    return {
        "@id": f"#{row.column}",
        "@type": "PropertyValue",
        "name": row.column,
        "description": row.description,
        **_unit_of(row),
    }


def _croissant_file(path: Path) -> dict[str, str]:
    """Entry of a file of the distribution."""
    return {
        "@type": "cr:FileObject",
        **dict.fromkeys(("@id", "name", "contentUrl"), path.name),
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": crate.ENCODING_FORMATS[path.suffix],
        "sha256": sha256(path),
    }


def _croissant_field(row: tuple, parquet: str) -> dict[str, object]:
    """Entry of a column, from its row of the data dictionary."""
    types = {"integer": "sc:Integer", "boolean": "sc:Boolean", "text": "sc:Text"}
    return {
        "@type": "cr:Field",
        "@id": f"galaxies/{row.column}",
        "name": row.column,
        "description": row.description + (f" [{row.unit}]" if row.unit else ""),
        **_unit_of(row),
        "dataType": types.get(row.type, "sc:Float"),
        "source": {"fileObject": {"@id": parquet}, "extract": {"column": row.column}},
    }


def markdown_cell(text: object) -> str:
    """Return `text` so that it stays inside a cell of a Markdown table."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return " ".join(escaped.split())


def checksums(paths: Sequence[str | Path]) -> str:
    """Return the text of a SHA256SUMS file (`sha256sum --check` reads it)."""
    named = sorted((Path(path).name, path) for path in paths)
    return "\n".join(f"{sha256(path)}  {name}" for name, path in named) + "\n"
