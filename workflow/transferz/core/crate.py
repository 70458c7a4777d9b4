"""RO-Crate 1.1 (https://w3id.org/ro/crate/1.1): a folder described for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from transferz.core.products import sha256

Entity = Mapping[str, object]

SPECIFICATION = "https://w3id.org/ro/crate/1.1"
# The second one has the terms of checksums.
CONTEXT = [f"{SPECIFICATION}/context", "https://w3id.org/ro/terms/workflow-run/context"]
SPDX_URL = "https://spdx.org/licenses/{license}.html"

ENCODING_FORMATS = {
    ".fits": "application/fits",
    ".parquet": "application/x-parquet",
    ".gz": "application/gzip",
    ".hdf5": "application/x-hdf5",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".cff": "application/yaml",
    ".yaml": "application/yaml",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tex": "application/x-tex",
}


def reference(entity: Entity) -> dict[str, object]:
    """Return the reference of JSON-LD to an entity."""
    return {"@id": entity["@id"]}


def references(entities: Iterable[Entity]) -> list[dict[str, object]] | dict[str, object]:
    """Return the references of JSON-LD to entities; of one, no list, as RO-Crate asks for."""
    found = [reference(entity) for entity in entities]
    return found[0] if len(found) == 1 else found


def licence_entity(name: str) -> Entity:
    """Return the entity of a licence, from its SPDX name."""
    return {"@id": SPDX_URL.format(license=name), "@type": "CreativeWork", "name": name}


def measured(path: str | Path) -> dict[str, str]:
    """Return size in bytes and SHA-256 of a file."""
    return {"contentSize": str(Path(path).stat().st_size), "sha256": sha256(path)}


def file_entity(path: str | Path, folder: str | Path) -> dict[str, object]:
    """Return the entity of a file of the crate in `folder`."""
    path = Path(path)
    encoding = ENCODING_FORMATS.get(path.suffix, "text/plain")
    return {
        "@id": quote(path.relative_to(folder).as_posix()),
        "@type": "File",
        "name": path.name,
        "encodingFormat": encoding,
        **measured(path),
    }


def text(root: Entity, entities: Iterable[Entity], profiles: Iterable[str] = ()) -> str:
    """Return ro-crate-metadata.json.

    Parameters
    ----------
    root : mapping
        Properties of the folder.
    entities : iterable of mapping
        All other entities.
    profiles : iterable of str
        Addresses of the profiles that the file conforms to, besides RO-Crate itself.
    """
    specifications = [{"@id": address} for address in (SPECIFICATION, *profiles)]
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": specifications if len(specifications) > 1 else specifications[0],
        "about": {"@id": "./"},
    }
    graph = [descriptor, {"@id": "./", "@type": "Dataset", **root}, *entities]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False) + "\n"
