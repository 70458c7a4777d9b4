"""What `make docs` adds to the pages: the first page, the page of rules, the list of pages.

A line `--8<-- "path"` becomes the Markdown file of that name in the repository: tables of results
are shown as the run wrote them. Links that leave docs/ lead to files of the repository; the site
sends them to its address, which is written in CITATION.cff.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("Tutorials", "How-to", "Explanation", "Results", "Reference")
INCLUDE = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the repository, and list every page below its section."""
    config.repo_url = yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"]
    config.repo_name = "Code"
    config.nav = ["index.md", *({section: pages(section.lower())} for section in SECTIONS)]
    return config


def pages(name: str) -> list[str | dict]:
    """Return the pages of a folder of docs/, then those of each folder in it.

    What README links to comes first, in its order.
    """
    links = [target for _, target in LINK.findall((ROOT / "README.md").read_text())]
    rank = {ROOT / target: number for number, target in reversed([*enumerate(links)])}
    entries = sorted((ROOT / "docs" / name).iterdir(), key=lambda p: (rank.get(p, len(links)), p))
    found = [f"{name}/{path.name}" for path in entries if path.suffix in (".md", ".ipynb")]
    if name == "reference":
        found += ["reference/rules.md", "catalogues.md"]
    # A folder of tables alone has no page.
    folders = {path.name: pages(f"{name}/{path.name}") for path in entries if path.is_dir()}
    named = {folder.capitalize().replace("_", " "): inner for folder, inner in folders.items()}
    return [*found, *({title: inner} for title, inner in named.items() if inner)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from other files."""
    readme = LINK.sub(_from_docs, (ROOT / "README.md").read_text())
    for name, content in (("index.md", readme), ("reference/rules.md", rules_page())):
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Include files, and send links to files outside docs/ to the repository."""

    def included(line: re.Match) -> str:
        # One level down: the page has a title of its own.
        return re.sub(r"^#", "##", (ROOT / line[1]).read_text(), flags=re.MULTILINE)

    def to_repository(link: re.Match) -> str:
        target = (ROOT / "docs" / page.file.src_uri).parent / link[2]
        if not link[2].startswith("../") or (ROOT / "docs") in target.resolve().parents:
            return link[0]
        if not target.exists():
            raise PluginError(f"{page.file.src_uri}: no file {link[2]}")
        path = target.resolve().relative_to(ROOT)
        return f"{link[1]}{config.repo_url}/blob/main/{path.as_posix()}"

    return LINK.sub(to_repository, INCLUDE.sub(included, markdown))


def rules_page() -> str:
    """Return the page of all rules, by room, with the sentence that each rule says of itself."""
    lines = ["# Rules\n", "Each rule in one sentence, as `snakemake --list-rules` shows it.\n"]
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        found = re.findall(r'^ *rule (\w+):\n *"""(.+)"""', path.read_text(), re.MULTILINE)
        lines += [f"## {path.stem}\n", "| rule | does |", "|---|---|"]
        lines += [f"| `{rule}` | {sentence} |" for rule, sentence in found]
        lines.append("")
    return "\n".join(lines)


def _from_docs(link: re.Match) -> str:
    target = link[2]
    inside = target.startswith("docs/")
    return link[1] + (target.removeprefix("docs/") if inside else f"../{target}")
