"""The crate of a run: what RO-Crate 1.1 and the Workflow Run profile say that it must have."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from scripts.run import crate

MADE = ("figures/figure 1.png", "tables/table1.csv", "claims.csv", "run_config.yaml")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a finished run below it."""
    for name in (*MADE, "Snakefile"):
        path = tmp_path / "results" / name if name in MADE else tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n")
        os.utime(path, (1.7e9, 1.7e9))
    (tmp_path / "galaxies.csv").write_text("z\n1\n")
    record = {"git_revision": "abc", "machine": "x86_64", "versions": {"numpy": "2", "python": "3"}}
    (tmp_path / "results/run_config.yaml").write_text(yaml.safe_dump(record))
    os.utime(tmp_path / "results/run_config.yaml", (1.7e9, 1.7e9))
    return tmp_path


def described(run: Path, root: Path) -> dict[str, dict]:
    """Write the crate; return its entities by identifier."""
    results = run / "results"
    crate.main(
        str(results / "ro-crate-metadata.json"),
        str(results / "Snakefile"),
        products=[str(results / name) for name in MADE],
        catalogues=[str(run / "galaxies.csv"), str(run)],
        run_config=str(results / "run_config.yaml"),
        citation=str(root / "CITATION.cff"),
        snakefile=str(run / "Snakefile"),
        survey="embedded",
    )
    graph = json.loads((results / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    return entities


def identifiers(value: object) -> list[str]:
    """Return what a property refers to."""
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def test_every_file_is_listed_as_it_is(run: Path, root: Path) -> None:
    entities = described(run, root)
    files = {name: each for name, each in entities.items() if "File" in each["@type"]}
    assert set(files) == {name.replace(" ", "%20") for name in MADE} | {"Snakefile"}
    assert set(identifiers(entities["./"]["hasPart"])) == set(files)
    for name, each in files.items():
        content = (run / "results" / name.replace("%20", " ")).read_bytes()
        assert each["contentSize"] == str(len(content))
        assert each["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_run_is_an_action_of_the_workflow(run: Path, root: Path) -> None:
    entities = described(run, root)
    top = entities["./"]
    assert {"name", "description", "datePublished", "license"} <= set(top)
    profiles = [f"https://w3id.org/ro/wfrun/{name}/0.5" for name in ("process", "workflow")]
    profiles.append("https://w3id.org/workflowhub/workflow-ro-crate/1.0")
    assert identifiers(top["conformsTo"]) == profiles
    assert all(entities[name]["@type"] == "CreativeWork" for name in profiles)
    # Both files say so: the folder conforms to the profile, its description to the specification.
    descriptor = entities["ro-crate-metadata.json"]
    assert "https://w3id.org/ro/crate/1.1" in identifiers(descriptor["conformsTo"])
    assert descriptor["about"] == {"@id": "./"}

    (main,) = identifiers(top["mainEntity"])
    wanted = {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert set(entities[main]["@type"]) == wanted
    assert entities[main]["programmingLanguage"]["@id"] in entities
    (action,) = [each for each in entities.values() if each["@type"] == "CreateAction"]
    assert identifiers(top["mentions"]) == [action["@id"]]
    assert identifiers(action["instrument"]) == [main]
    inputs = ["run_config.yaml", f"#{run / 'galaxies.csv'}", f"#{run}"]
    assert identifiers(action["object"]) == inputs
    assert entities[inputs[1]]["contentSize"] == "4"
    results = {"claims.csv", "figures/figure%201.png", "tables/table1.csv"}
    assert set(identifiers(action["result"])) == results
    assert action["endTime"] == "2023-11-14T22:13:20+00:00"
    (author,) = identifiers(action["agent"])
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert entities[author]["name"] == citation["authors"][0]["name"]
    assert entities[top["license"]["@id"]]["name"] == citation["license"]
    assert entities["#numpy"]["softwareVersion"] == "2"


def test_people_are_persons() -> None:
    person = {"family-names": "Do", "given-names": "T.", "orcid": "https://orcid.org/0"}
    (author,) = crate.author_entities({"authors": [person]})
    assert author == {"@id": "https://orcid.org/0", "@type": "Person", "name": "T. Do"}
