"""Describe a finished run as a Workflow Run RO-Crate (https://w3id.org/ro/wfrun/workflow/0.5).

Inputs
    products : what the run has made, all below the folder of the crate
    catalogues : files or folders that the run began with; they stay where they are
    run_config : configuration and versions
    citation : CITATION.cff, for authors and licence
    snakefile : the workflow

Outputs
    crate : ro-crate-metadata.json
    workflow : a copy of the Snakefile, which a crate must hold
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from transferz.core import crate as ro_crate
from transferz.core.crate import Entity, reference, references
from transferz.core.logs import run
from transferz.core.products import write_text
from transferz.report.tables import SURVEY_NOTES

if TYPE_CHECKING:
    from snakemake.script import snakemake

WORKFLOW_PROFILE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = [
    {"@id": url, "@type": "CreativeWork", "name": name, "version": url.rpartition("/")[2]}
    for url, name in (
        ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
        ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
        (WORKFLOW_PROFILE, "Workflow RO-Crate"),
    )
]
SNAKEMAKE = {
    "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
    "@type": "ComputerLanguage",
    "name": "Snakemake",
    "identifier": {"@id": "https://doi.org/10.12688/f1000research.29032.2"},
    "url": {"@id": "https://snakemake.github.io"},
}


def catalogue_entity(path: str | Path) -> Entity:
    """Return the entity of a file outside the crate, which is no part of it."""
    size = ro_crate.measured(path) if Path(path).is_file() else {}
    return {"@id": f"#{path}", "@type": "CreativeWork", "name": Path(path).name, **size}


def author_entities(citation: Mapping) -> list[Entity]:
    """Return the authors of CITATION.cff: organisations have a name, people two."""
    authors = []
    for number, each in enumerate(citation["authors"], start=1):
        name = each.get("name") or f"{each['given-names']} {each['family-names']}"
        kind = "Organization" if "name" in each else "Person"
        identifier = each.get("orcid", f"#author-{number}")
        authors.append({"@id": identifier, "@type": kind, "name": name})
    return authors


def workflow_entity(
    file: Entity, cited: Mapping, record: Mapping, versions: Sequence[Entity]
) -> Entity:
    """Return the entity of the workflow, from that of its file."""
    return {
        **file,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": cited["title"],
        "version": record["git_revision"],
        "url": cited["repository-code"],
        "programmingLanguage": reference(SNAKEMAKE),
        "softwareRequirements": references(versions),
        "license": reference(ro_crate.licence_entity(cited["license"])),
        "author": references(author_entities(cited)),
    }


def ended_at(products: Sequence[str | Path]) -> str:
    """Return the time of the newest product, UTC."""
    newest = max(Path(path).stat().st_mtime for path in products)
    return datetime.fromtimestamp(int(newest), UTC).isoformat()


def main(
    crate: str,
    workflow: str,
    *,
    products: Sequence[str],
    catalogues: Sequence[str],
    run_config: str,
    citation: str,
    snakefile: str,
    survey: str,
) -> None:
    """Write the crate; a survey is ``embedded``, ``archive`` or ``custom``."""
    folder = Path(crate).parent
    record = yaml.safe_load(Path(run_config).read_text(encoding="utf-8"))
    cited = yaml.safe_load(Path(citation).read_text(encoding="utf-8"))
    write_text(Path(snakefile).read_text(encoding="utf-8"), workflow)
    ended = ended_at(products)

    authors, licence = author_entities(cited), ro_crate.licence_entity(cited["license"])
    inputs = [catalogue_entity(path) for path in catalogues]
    configuration = ro_crate.file_entity(run_config, folder)
    results = [ro_crate.file_entity(path, folder) for path in sorted({*products} - {run_config})]
    versions = [
        {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name, "softwareVersion": each}
        for name, each in record["versions"].items()
    ]
    source = workflow_entity(ro_crate.file_entity(workflow, folder), cited, record, versions)
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "The run",
        "description": f"Revision {record['git_revision']} on {record['machine']}.",
        "instrument": reference(source),
        "object": references([configuration, *inputs]),
        "result": references(results),
        "agent": references(authors),
        "endTime": ended,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    root = {
        "name": f"A run of {cited['title']}",
        "description": SURVEY_NOTES[survey],
        "datePublished": ended,
        "license": reference(licence),
        "author": references(authors),
        "conformsTo": references(PROFILES),
        "mainEntity": reference(source),
        "mentions": reference(action),
        "hasPart": references([source, configuration, *results]),
    }
    entities = [source, action, configuration, *results, *inputs, *authors, *PROFILES]
    entities += [licence, SNAKEMAKE, *versions]
    write_text(ro_crate.text(root, entities, [WORKFLOW_PROFILE]), crate)


if __name__ == "__main__":
    run(main, snakemake)
