"""What a stranger's catalogue, model file or configuration cannot do."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import h5py
import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scripts.report import write_index, write_page
from transferz.catalogues.columns import Column, expand_bands
from transferz.catalogues.cuts import apply_cuts
from transferz.catalogues.download import Dataset, fetch
from transferz.catalogues.reading import read_catalogue
from transferz.core.errors import InputError
from transferz.core.products import write_csv
from transferz.networks.checkpoints import Checkpoint
from transferz.report.tables import markdown_table
from transferz.run.invariants import read_weights
from transferz.settings.loader import schema
from transferz.uncertainty.calibration_sample import CalibrationSample

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = sorted((ROOT / "workflow").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]

# ---------------------------------------------------------------------------- code from data

FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "pd.eval", "yaml.load"),
    *("pd.read_pickle", "pandas.read_pickle", "torch.load", "joblib.load", "ast.parse"),
}
FORBIDDEN_METHODS = {"query", "to_pickle"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
FORBIDDEN_KEYWORDS = {"shell": True, "allow_pickle": True, "verify": False, "safe_mode": False}


def suspicious(tree: ast.AST) -> Iterator[str]:
    """Yield what could run code from data, or trust an unverified server."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.split(".")[0] in FORBIDDEN_MODULES:
                    yield f"import {name}"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        # The query of a search tree takes numbers, that of a table takes code.
        method = called.rpartition(".")[2] if "tree" not in called else ""
        if called in FORBIDDEN_CALLS or method in FORBIDDEN_METHODS:
            yield called
        given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
        for keyword, value in FORBIDDEN_KEYWORDS.items():
            if given.get(keyword) is value:
                yield f"{called}({keyword}={value})"
        if called.endswith(("np.load", "numpy.load")) and given.get("allow_pickle") is not False:
            yield f"{called} without allow_pickle=False"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_script_evaluates_or_unpickles(path: Path) -> None:
    assert list(suspicious(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_search_finds_what_it_is_for() -> None:
    code = (
        "import pickle\nfrom joblib import load\neval(x)\nnp.load(p)\npd.eval(x)\nt.query(x)\n"
        "yaml.load(f)\nsubprocess.run(c, shell=True)\nget(u, verify=False)\n"
    )
    assert len(list(suspicious(ast.parse(code)))) == 9
    assert list(suspicious(ast.parse("np.load(p, allow_pickle=False)\nyaml.safe_load(f)"))) == []


def test_no_rule_evaluates_or_runs_a_shell() -> None:
    """Rules are no plain Python: their words are looked at one by one."""
    for path in RULES:
        tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))
        words = [token.string for token in tokens if token.type == tokenize.NAME]
        assert not {"eval", "exec", "pickle", "joblib"} & set(words), path.name
        for token, following in pairwise(tokens):
            if token.string in ("shell", "run") and following.string == ":":
                pytest.fail(f"{path.name}:{token.start[0]}: {token.string}: takes text as commands")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that appears when a payload runs."""
    return tmp_path / "it_ran"


class Payload:
    """What a pickle can carry: a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


EXPRESSIONS = [
    "__import__('pathlib').Path({trap!r}).touch()",
    "@__import__('pathlib').Path({trap!r}).touch()",
    "$(touch {trap})",
    "{{band.__class__.__mro__}}",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_cut_is_compared_and_never_evaluated(trap: Path, expression: str) -> None:
    text = expression.format(trap=str(trap))
    table = pd.DataFrame({"mag_g": [20.0, 21.0], "name": [text, "b"]})
    for cut in ({"column": text, "min": 0}, {"column": "mag_g", "below_column": text}):
        with pytest.raises(InputError, match="no column"):
            apply_cuts(table, {"c": cut}, ["g"])
    kept, flow = apply_cuts(
        table, {text: {"column": "name", "equals": text, "description": text}}, ["g"]
    )
    assert len(kept) == 1
    assert flow["description"].tolist() == [text]
    assert not trap.exists()


def test_a_template_of_columns_has_one_placeholder_only() -> None:
    """`str.format` would reach into objects."""
    (column,) = expand_bands(Column("mag_{band}", "{band}{band.__class__}{0}"), {"g": "G"})
    assert column.name == "G{band.__class__}{0}"


ARRAY_READERS: dict[str, Callable[[Path], object]] = {
    "read_weights": lambda path: list(read_weights(path)),
    "calibration": CalibrationSample.load,
    "checkpoint": lambda path: Checkpoint(path.parent, "").load_fit(0),
}


@pytest.mark.parametrize("reader", [*ARRAY_READERS, "read_models"])
def test_no_pickle_in_an_array_file_is_loaded(tmp_path: Path, trap: Path, reader: str) -> None:
    from transferz.networks.model_files import read_models

    path = tmp_path / "seed-000.npz"
    bomb = np.array([Payload(trap)], dtype=object)
    names = ("n_inputs", "columns", "seeds", "z_true", "strategy", "bands", "fingerprint", "epoch")
    np.savez(path, **dict.fromkeys(names, bomb))
    read = ARRAY_READERS.get(reader, read_models)
    try:
        read(path)
    except (InputError, ValueError) as error:
        assert "pickle" in str(error)
    else:
        # A checkpoint that cannot be read is as good as none.
        assert reader == "checkpoint"
    assert not trap.exists()


def test_no_object_in_an_hdf5_file_is_loaded(tmp_path: Path, trap: Path) -> None:
    import pickle

    payload = pickle.dumps(Payload(trap))
    path = tmp_path / "c.hdf5"
    with h5py.File(path, "w") as handle:
        handle["id"] = np.array([1, 2])
        handle["z"] = np.void(payload)
        handle["opaque"] = np.array([np.void(payload)] * 2)
        handle["refs"] = np.array([handle["id"].ref] * 2, dtype=h5py.ref_dtype)
    for name in ("z", "opaque", "refs"):
        with pytest.raises(InputError, match=rf"c\.hdf5: {name}: not a column of numbers"):
            read_catalogue(path, [Column("object_id", "id", "id"), Column("redshift", name)])
    assert not trap.exists()


def test_the_paper_evaluates_no_text() -> None:
    sources = list((ROOT / "workflow/transferz/report").glob("*.typ*"))
    assert len(sources) == 3
    for source in sources:
        assert not re.search(r"\b(eval|plugin)\(|\bsafe\b", source.read_text())


# -------------------------------------------------------------------------------- where to

VALIDATOR = jsonschema.Draft202012Validator(schema())
ELSEWHERE = ["/tmp/x", "../x", "a/../../x", "a/..", ""]


@pytest.mark.parametrize("value", ELSEWHERE)
@pytest.mark.parametrize("key", ["results", "resources", "logs", "benchmarks"])
def test_a_run_writes_below_the_working_directory(key: str, value: str) -> None:
    assert VALIDATOR.is_valid({"pathvars": {key: "a/b.c"}})
    assert not VALIDATOR.is_valid({"pathvars": {key: value}})


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", ".x", "", "x y", "$(id)"])
def test_names_that_become_file_names_are_plain(name: str) -> None:
    entry = {"train_on": "combo"}
    assert VALIDATOR.is_valid({"strategies": {"NN-Base_2.1": entry}})
    assert not VALIDATOR.is_valid({"strategies": {name: entry}})
    assert not VALIDATOR.is_valid({"bands": ["g", name]})
    study = {"seeds": 1}
    assert not VALIDATOR.is_valid({"spectra": {"studies": {"heads": study, name: study}}})


def written_paths(text: str) -> Iterator[str]:
    """Yield the strings of the directives that name what a rule writes."""
    directive = ""
    for line in text.splitlines():
        found = re.match(r"\s+(\w+):", line)
        if found and not line.strip().startswith(("lambda", '"')):
            directive = found[1]
        if directive in ("output", "log", "benchmark"):
            yield from re.findall(r'"([^"]*/[^"]*)"', line)


def test_every_rule_writes_below_the_folders_of_its_run() -> None:
    written = {path.name: list(written_paths(path.read_text())) for path in RULES}
    assert sum(map(len, written.values())) > 150
    # Captions of the report stand among the outputs, and are read.
    allowed = re.compile(r"<(results|resources|logs|benchmarks)>|\.\./report/")
    outside = {name: [p for p in paths if not allowed.match(p)] for name, paths in written.items()}
    assert {name: paths for name, paths in outside.items() if paths} == {}


# ------------------------------------------------------------------------------- from where


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.org/x", "data:,x", "-"])
def test_only_web_addresses_are_downloaded(tmp_path: Path, url: str) -> None:
    row = {"name": "d", "file": "d.csv", "version": "1", "url": url, "bytes": "-"}
    dataset = Dataset.from_row(row | {"checksum": "-"})
    with pytest.raises(InputError, match="no address to download from"):
        fetch(dataset, tmp_path, timeout=1, retries=0, wait=0)


# ------------------------------------------------------------------------------------ pages

NASTY = "<script>alert(1)</script>"
ATTRIBUTE = '" onload="alert(1)'


class Tags(HTMLParser):
    """Collects tags, their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def check_page(path: Path) -> None:
    tags = Tags(path.read_text())
    # Its own, and no other.
    assert tags.tags.count("script") == 1
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert NASTY in tags.text


def test_a_page_shows_a_column_named_script(tmp_path: Path) -> None:
    table = markdown_table([NASTY, "n"], [[f"**{NASTY}**", "1"], [f"`{NASTY}`", "2"]])
    (tmp_path / "table1.md").write_text(f"{NASTY}\n\n# {NASTY}\n\n{table}\n\n- {NASTY}\n")
    write_page.main(tmp_path / "table1.md", tmp_path / "table1.html", survey="custom")
    check_page(tmp_path / "table1.html")


def test_the_entry_page_shows_labels_as_text(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "figure1.png")
    caption = f"{NASTY} of {ATTRIBUTE}\n\nAlt text: {ATTRIBUTE} {NASTY}\n"
    (tmp_path / "figure1.md").write_text(caption)
    (tmp_path / "t.md").write_text(f"note\n\n{markdown_table([NASTY], [[ATTRIBUTE]])}\n")
    (tmp_path / "c.md").write_text(f"note\n\n# {NASTY}\n")
    claims = {"claim": ["a", "a"], "statement": NASTY, "z_min": [0.3, 0.0], "z_max": [1.5, 10.0]}
    claims |= {"published": 5.0, "accepted_low": 4.0, "accepted_high": 6.0, "measured": 3.0}
    claims |= {"low": 2.0, "high": [4.0, np.nan], "verdict": ["partly", "undecided"]}
    write_csv(pd.DataFrame(claims), tmp_path / "c.csv")
    write_index.main(
        [tmp_path / "figure1.png"],
        [tmp_path / "t.md"],
        tmp_path / "c.csv",
        tmp_path / "c.md",
        tmp_path / "index.html",
        questions={NASTY: ["claims", "figure1", "t", "not made"]},
        links={ATTRIBUTE: "paper.pdf"},
        others={NASTY: "snakemake lenses"},
        strategies=[NASTY, "B"],
        labels={"source": NASTY, "target": ATTRIBUTE},
        redshifts={"source": "photo_z", "target": "spec_z"},
        survey="custom",
    )
    check_page(tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    assert "<code>snakemake lenses</code>" in text
    assert "learn from photometric labels of many" in text and "from spectroscopic labels" in text
