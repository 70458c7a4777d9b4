"""The house: rooms agree by name, imports run down, scripts serve one rule, nothing grows too long.

A list of exceptions may only shrink: an entry that is not needed any more is taken out.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

# Rooms that lack a place, and why.
WITHOUT = {
    "core": {"rules", "scripts"},  # used by all rooms, makes nothing itself
    "settings": {"rules", "scripts"},  # read by all rules, makes nothing in a run
    "diagnostics": {"transferz"},  # its scripts compare what other rooms measure
}

# A room or module of the package imports from floors below its own, or from its own room.
FLOORS = (
    {"core", "settings", "__version__"},
    {"survey", "catalogues", "networks", "report"},
    {"evaluation", "release"},
    {"uncertainty"},
    {"spectra", "images", "peers", "run", "api"},
    {"photo_z"},
    {"command"},
    {"__main__"},
)

# Names that mean the same for every module that has one.
PROTOCOL = {"logger", "__all__", "DATA_FILES"}
TWO_MEANINGS = {"CHUNK"}

# Longer than 250, 500 and 60 lines.
LONG_SCRIPTS: set[str] = set()
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS = {"transferz/photo_z/catalogue: predict_catalogue"}

# Scripts whose rule does not hand over everything by name yet.
WITHOUT_RUN: set[str] = set()


@pytest.fixture(scope="module")
def workflow(root: Path) -> Path:
    return root / "workflow"


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield `room/module` and syntax tree of every Python file below a folder."""
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(folder).with_suffix("")), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the full name of every module that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# ------------------------------------------------------------------------------------ rooms


def test_rooms_have_one_name_in_every_place(root: Path, workflow: Path) -> None:
    def folders(path: Path) -> set[str]:
        return {entry.name for entry in path.iterdir() if any(entry.glob("*.py"))}

    places = {
        "rules": {path.stem for path in (workflow / "rules").glob("*.smk")},
        "scripts": folders(workflow / "scripts"),
        "transferz": folders(workflow / "transferz"),
        "tests": folders(root / "tests/unit"),
    }
    for room in set.union(*places.values()):
        lacking = {place for place, rooms in places.items() if room not in rooms}
        assert lacking == WITHOUT.get(room, set()), room


def test_every_room_has_its_settings(workflow: Path) -> None:
    """Beside them are those of the run as a whole; pages have none."""
    files = {path.stem for path in (workflow / "transferz/settings").glob("*.yaml")}
    rooms = {path.stem for path in (workflow / "rules").glob("*.smk")}
    assert files == rooms - {"report"} | {"general"}


def test_imports_of_the_package_run_down(workflow: Path) -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    upward = set()
    for name, tree in modules(workflow / "transferz"):
        room = name.split("/")[0]
        for target in imported(tree):
            package, _, rest = target.partition(".")
            other = rest.split(".")[0]
            if package == "transferz" and other != room and floor[other] >= floor[room]:
                upward.add(f"{name} imports {target}")
    assert upward == set()


def test_rules_find_the_files_that_a_module_needs(workflow: Path) -> None:
    """By a pattern, not by the syntax tree of the module: the hash of a rule's code is in haste."""
    helpers = (workflow / "rules/helpers/common.smk").read_text()
    pattern = re.compile(re.search(r'^NEEDS = re.compile\(\n    rb"(.*)",', helpers, re.M)[1], re.M)
    for path in workflow.rglob("*.py"):
        needed = {
            ast.dump(node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)
            and re.match("(from|import) transferz|DATA_FILES = ", ast.unparse(node))
        }
        found = ast.parse("\n".join(pattern.findall(path.read_text())))
        assert {ast.dump(node) for node in found.body} == needed, path


def test_no_script_imports_a_script(workflow: Path) -> None:
    found = {
        f"{name} imports {target}"
        for name, tree in modules(workflow / "scripts")
        for target in imported(tree)
        if target.split(".")[0] == "scripts"
    }
    assert found == set()


def test_no_name_of_the_package_has_two_meanings(workflow: Path) -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for _, tree in modules(workflow / "transferz"):
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                meanings[node.name].add(ast.dump(node))
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Name) and target.id not in PROTOCOL:
                    meanings[target.id].add(ast.dump(node.value))
    assert {name for name, values in meanings.items() if len(values) > 1} <= TWO_MEANINGS


# ------------------------------------------------------------------------------------ length


def lines_of(folder: Path, most: int) -> set[str]:
    """Return `room/module` of the files with more than so many lines."""
    paths = {str(path.relative_to(folder).with_suffix("")): path for path in folder.rglob("*.py")}
    return {name for name, path in paths.items() if len(path.read_text().splitlines()) > most}


def test_files_are_not_too_long(workflow: Path) -> None:
    assert lines_of(workflow / "scripts", 250) <= LONG_SCRIPTS
    assert lines_of(workflow / "transferz", 500) <= LONG_MODULES


def test_functions_are_not_too_long(workflow: Path) -> None:
    found = {
        f"{folder}/{name}: {node.name}"
        for folder in ("scripts", "transferz")
        for name, tree in modules(workflow / folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60
    }
    assert found <= LONG_FUNCTIONS, sorted(found - LONG_FUNCTIONS)


# ------------------------------------------------------------------------- rules and scripts

DIRECTIVES = ("input", "output", "params")


def names_in(body: str, indent: str) -> dict[str, set[str]]:
    """Return the literal names below each directive of a rule."""
    names: dict[str, set[str]] = {}
    for directive in DIRECTIVES:
        block = re.search(rf"^{indent}    {directive}:\n((?:{indent}     .*\n|\n)+)", body, re.M)
        found = re.findall(rf"^{indent}        (\w+)=", block[1], re.M) if block else []
        names[directive] = set(found)
    return names


def rules_of(path: Path) -> Iterator[tuple[str, str, dict[str, set[str]]]]:
    """Yield name, script and literal names of the directives of every rule with a script."""
    parts = re.split(r"^( *)rule (\w+):\n", path.read_text(), flags=re.MULTILINE)
    for indent, rule, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        script = re.search(r'^ +"\.\./scripts/([\w/]+)\.py"', body, re.MULTILINE)
        if script:
            yield rule, script[1], names_in(body, indent)


def test_every_script_belongs_to_the_rule_of_its_name(workflow: Path) -> None:
    """A script of spectra/ is called by a rule of spectra.smk, with or without that in front."""
    called = defaultdict(set)
    for path in (workflow / "rules").glob("*.smk"):
        for rule, script, _ in rules_of(path):
            called[script].add((path.stem, rule))
    scripts = {name for name, _ in modules(workflow / "scripts")}
    assert scripts == set(called)
    for script, callers in called.items():
        room, name = script.split("/")
        assert callers & {(room, name), (room, f"{room}_{name}")}, script


def test_every_rule_says_what_it_does(root: Path, workflow: Path) -> None:
    """In one sentence: `snakemake --list-rules` shows it, and so does the page of rules."""
    for path in [root / "Snakefile", workflow / "Snakefile", *(workflow / "rules").glob("*.smk")]:
        for rule, first in re.findall(r"^ *rule (\w+):\n *(.*)", path.read_text(), re.MULTILINE):
            assert re.fullmatch(r'"""[A-Z].{8,90}\."""', first), f"a docstring for rule {rule}"


def test_a_rule_used_again_keeps_the_names_of_its_files(workflow: Path) -> None:
    """Its script, which is that of the first, knows no others."""
    paths = list((workflow / "rules").glob("*.smk"))
    first = {rule: names for path in paths for rule, _, names in rules_of(path)}
    again = re.compile(r"^( *)use rule (\w+) as (\w+) with:\n((?:\1 +.*\n|\n)*)", re.M)
    found = [match for path in paths for match in again.findall(path.read_text())]
    assert found
    for indent, rule, name, body in found:
        names = names_in(body, indent)
        for directive in ("input", "output"):
            assert names[directive] <= first[rule][directive], f"{directive} of {name}"


def test_no_two_things_of_a_rule_have_one_name(workflow: Path) -> None:
    """`logs.run` hands things over by name; threads and log are the rule's."""
    for path in (workflow / "rules").glob("*.smk"):
        for rule, _, names in rules_of(path):
            once = Counter(["threads", "log", *(name for part in names.values() for name in part)])
            assert max(once.values()) == 1, f"{rule}: {once.most_common(1)[0][0]}"


def test_what_a_rule_names_is_a_parameter_of_its_script(workflow: Path) -> None:
    """All but what tells that something changed: `logs.run` hands things over by these names."""
    trees, by_hand = dict(modules(workflow / "scripts")), set()
    fields = {
        node.name: {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
        for _, tree in modules(workflow)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    for path in (workflow / "rules").glob("*.smk"):
        for rule, script, names in rules_of(path):
            tree = trees[script]
            if "run(main, snakemake" not in ast.unparse(tree.body[-1]):
                by_hand.add(script)
                continue
            (main,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
            arguments = main.args.posonlyargs + main.args.args + main.args.kwonlyargs
            known = {argument.arg for argument in arguments} | {"code", "known_by"}
            # Outputs that belong together are handed over as a dataclass.
            for argument in arguments:
                known |= fields.get(ast.unparse(argument.annotation), set())
            if main.args.kwarg:
                known |= names["input"]
            assert set.union(*names.values()) <= known, rule
    assert by_hand <= WITHOUT_RUN, sorted(by_hand - WITHOUT_RUN)
