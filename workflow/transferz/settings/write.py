"""Write what is made from the settings: config/config.yaml and the reference page.

`make config`, or from the root folder: PYTHONPATH=workflow python -m transferz.settings.write
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import yaml

from transferz.settings.loader import DATA_FILES
from transferz.settings.messages import LIMITS_IN_WORDS, TYPES_IN_WORDS

PAGE_WIDTH = 100
HEAD = """\
# The default run: the whole paper on the embedded survey, on a laptop.
#
# Another run is an overlay that states only what differs:
#   snakemake --cores 2 --configfile config/authors.yaml
# This file shows every key with its default. It is made, by `make config`, from
# workflow/transferz/settings/, where meaning, type, limits and default of a key are written.
# docs/reference/configuration.md lists all keys with their types and limits.
"""
PAGE = """\
# Configuration: every key

Made by `make config` from `workflow/transferz/settings/`, one file for each stage.
`config/README.md` says how runs differ by overlays. A key that a configuration leaves out has its
default; other keys than these are refused.
"""


class SettingsFile:
    """One file of settings, with the text that its author gave it."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.title = self.text.partition("\n")[0].strip("# .")
        sections = fields(yaml.compose(self.text, yaml.SafeLoader))
        self.definitions = fields(sections.pop("$defs", None))
        self.sections = sections

    def source(self, node: yaml.Node) -> str:
        """Return the text of a node, comments and layout included."""
        text = self.text[node.start_mark.index : node.end_mark.index]
        lines = text.rstrip().split("\n")
        while lines[-1].strip().startswith("#") or not lines[-1].strip():
            # What stands before the next key belongs to that.
            lines.pop()
        return textwrap.dedent(" " * node.start_mark.column + "\n".join(lines))


def fields(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Return the values of a mapping by their keys; nothing of anything else."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value: value for key, value in pairs}


def plain(node: yaml.Node | None) -> object:
    """Return what a node of YAML means."""
    return None if node is None else yaml.safe_load(yaml.serialize(node))


# ----------------------------------------------------------------------- config/config.yaml


def configuration(files: list[SettingsFile]) -> str:
    """Return the default configuration: every key, its meaning as a comment, its default."""
    lines = HEAD.splitlines()
    for file in files:
        lines += ["", f"# {'-' * (PAGE_WIDTH - 3 - len(file.title))} {file.title}"]
        for name, entry in file.sections.items():
            lines += ["", *key_lines(file, name, entry, "")]
    return "\n".join(lines) + "\n"


def key_lines(file: SettingsFile, name: str, entry: yaml.Node, indent: str) -> Iterator[str]:
    """Yield the lines of one key of the default configuration."""
    words = fields(entry)
    if "description" in words:
        mark = f"{indent}# "
        yield from wrapped(str(words["description"].value), mark, mark)
    keys, default = fields(words.get("properties")), words.get("default")
    if default is None and plain(words.get("layout")) == "flow":
        inner = (f"{key}: {file.source(fields(value)['default'])}" for key, value in keys.items())
        yield f"{indent}{name}: {{{', '.join(inner)}}}"
    elif default is None:
        yield f"{indent}{name}:"
        for key, value in keys.items():
            yield from key_lines(file, key, value, indent + "  ")
    else:
        text = file.source(default)
        block = isinstance(default, yaml.CollectionNode) and not default.flow_style
        if block or len(f"{indent}{name}: {text}") > PAGE_WIDTH or "\n" in text:
            yield f"{indent}{name}:"
            yield from textwrap.indent(text, indent + "  ").split("\n")
        else:
            yield f"{indent}{name}: {text}"


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Return `text` in lines of at most PAGE_WIDTH, none of them cut inside a word."""
    return textwrap.wrap(
        text,
        PAGE_WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


# ---------------------------------------------------------------- the page of the reference


def reference(files: list[SettingsFile]) -> str:
    """Return the page with meaning, type, limits and default of every key."""
    lines = PAGE.splitlines()
    for file in files:
        lines += ["", f"## {file.title}", "", *table(file, file.sections)]
        for name, entry in file.definitions.items():
            meaning = str(plain(fields(entry)["description"]))
            rows = table(file, fields(fields(entry).get("properties")))
            lines += ["", f"### `{name}`", "", meaning]
            lines += ["", *(rows if "properties" in fields(entry) else [limits(plain(entry))])]
    return "\n".join(lines) + "\n"


def table(file: SettingsFile, entries: dict[str, yaml.Node]) -> Iterator[str]:
    """Yield a table of keys and of all keys below them."""
    yield from ("| key | meaning | type and limits | default |", "|---|---|---|---|")
    for name, entry in entries.items():
        for row in rows_of(file, name, entry):
            cells = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in row)
            yield f"| {' | '.join(cells)} |"


def rows_of(file: SettingsFile, place: str, entry: yaml.Node) -> Iterator[tuple[str, ...]]:
    """Yield key, meaning, limits and default of an entry and of all below it."""
    words = fields(entry)
    default = file.source(words["default"]) if "default" in words else ""
    if "\n" in default or len(default) > 60:
        default = "see config/config.yaml"
    meaning = str(plain(words.get("description")) or "")
    yield f"`{place}`", meaning, limits(plain(entry)), default
    below = {
        "properties": words,
        "additionalProperties.NAME": fields(words.get("additionalProperties")),
        "items.N": fields(words.get("items")),
    }
    for kind, inner in below.items():
        name = f"{place}.{kind.partition('.')[2]}".rstrip(".")
        for key, value in fields(inner.get("properties")).items():
            yield from rows_of(file, f"{name}.{key}", value)


def limits(entry: dict) -> str:
    """Return in words what a value of an entry may be."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "enum" in entry:
        return ", ".join(map(str, entry["enum"]))
    if "oneOf" in entry:
        return " or ".join(map(limits, entry["oneOf"]))
    if "const" in entry:
        return str(entry["const"])
    if "$comment" in entry:
        return entry["$comment"]
    types = entry.get("type", "object")
    names = [types] if isinstance(types, str) else types
    words = [" or ".join(TYPES_IN_WORDS[name] for name in names)]
    words += [form.format(entry[word]) for word, form in LIMITS_IN_WORDS.items() if word in entry]
    each = entry.get("items", {}) if "array" in names else entry.get("additionalProperties", {})
    if isinstance(each, dict) and each and "properties" not in each:
        words.append(f"each {limits(each)}")
    return ", ".join(words).replace("a list, a list", "a list")


def products(root: Path) -> dict[Path, str]:
    """Return what each file that is made from the settings must hold."""
    files = [SettingsFile(Path(__file__).parent / name) for name in DATA_FILES]
    return {
        root / "config/config.yaml": configuration(files),
        root / "docs/reference/configuration.md": reference(files),
    }


if __name__ == "__main__":
    for path, text in products(Path(__file__).resolve().parents[3]).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
