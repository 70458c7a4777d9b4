"""What people read: the summary paper, the entry page and the HTML report of the tiny run."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pypdf import PdfReader

from ..browser import CHROMIUM, DESKTOP, DRIVER, MISSING, PHONE, Browser
from .conftest import RESULTS, ROOT, copy_run, run_snakemake

STYLESHEET = "workflow/report/report.css"
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
# Numbers of the paper's fixed words: definitions, references, table and figure numbers.
FIXED = {
    *("2411.18054", "2024", "2020", "1", "2", "3", "4", "5", "6", "7"),
    *("0.15", "1.4826", "95", "68"),
    # Volumes and pages of the references.
    *("2018", "2019", "2022", "71", "114", "2410.00271", "1704.05988", "70", "9", "258", "11"),
}


def plain(text: str) -> str:
    """Return text with ordinary minus signs and spaces."""
    return " ".join(text.replace("\N{MINUS SIGN}", "-").split())


def numbers(text: str) -> Counter[str]:
    """Return the numbers in a text and how often each occurs."""
    return Counter(NUMBER.findall(plain(text).replace(" - ", " ")))


def pdf_text(path: Path) -> str:
    """Return the text of all pages, words that are broken at the end of a line joined."""
    text = "\n".join(page.extract_text() for page in PdfReader(path).pages)
    return re.sub(r"(\w)[-\u2010\u00ad]\n(\w)", r"\1\2", text)


def pdf_fonts(path: Path) -> dict[str, bool]:
    """Return every font of a PDF, also of figures inside it, and whether it is embedded."""
    found: dict[str, bool] = {}

    def visit(resources: object) -> None:
        resources = resources.get_object()
        for font in resources.get("/Font", {}).values():
            entry = font.get_object()
            for part in entry.get("/DescendantFonts", [entry]):
                descriptor = part.get_object().get("/FontDescriptor")
                keys = descriptor.get_object().keys() if descriptor is not None else ()
                embedded = any(key.startswith("/FontFile") for key in keys)
                # Glyphs drawn by the file itself (type 3) need no font.
                found[str(entry["/BaseFont"])] = embedded or entry["/Subtype"] == "/Type3"
        for item in resources.get("/XObject", {}).values():
            item = item.get_object()
            if "/Resources" in item:
                visit(item["/Resources"])

    for page in PdfReader(path).pages:
        visit(page["/Resources"])
    return found


@pytest.fixture(scope="module")
def results(project: Path) -> Path:
    return project / RESULTS


@pytest.fixture(scope="module")
def paper(results: Path) -> str:
    return pdf_text(results / "paper.pdf")


@pytest.fixture(scope="module")
def ledger(results: Path) -> list[dict[str, str]]:
    with (results / "paper_numbers.csv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def value_of(folder: Path, entry: dict[str, str]) -> object:
    """Look up what a line of the ledger quotes, independently of the paper's own code."""
    path = folder / entry["file"]
    if path.suffix == ".yaml":
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in entry["where"].split("."):
            value = value[int(key) if isinstance(value, list) else key]
        return value
    table = pd.read_csv(path)
    for column, wanted in json.loads(entry["where"]).items():
        table = table[table[column] == wanted]
    if entry["form"] == "rows":
        return len(table)
    assert len(table) == 1, entry
    row = table.iloc[0]
    if entry["form"] == "spread":
        return row[f"{entry['column']}_mean"], row[f"{entry['column']}_spread"]
    return row[entry["column"]]


def agrees(text: str, value: float) -> bool:
    """Return whether a number as written is the value, rounded to the digits that it has."""
    digits = plain(text).replace(",", "")
    places = len(digits.partition(".")[2])
    return abs(float(digits) - value) <= 0.5000001 * 10.0**-places


def test_every_number_of_the_ledger_is_that_of_its_file(
    project: Path, ledger: list[dict[str, str]]
) -> None:
    assert len(ledger) > 100
    for entry in ledger:
        value, text = value_of(project, entry), entry["text"]
        if entry["form"] == "spread":
            parts = text.split(" ± ")
            assert agrees(parts[0], value[0]), entry
            assert len(parts) == 1 + math.isfinite(value[1]), entry
            assert all(agrees(part, value[1]) for part in parts[1:]), entry
        elif entry["form"] == "percent":
            assert agrees(text, 100 * value) or (text == "99.9" and value < 1), entry
        elif entry["form"] == "words":
            assert text == value, entry
        elif entry["form"] == "setting":
            items = value if isinstance(value, list) else [value]
            shown = text.split(", ")
            assert len(shown) == len(items), entry
            for word, item in zip(shown, items, strict=True):
                numeric = isinstance(item, int | float) and not isinstance(item, bool)
                assert float(word) == item if numeric else word == str(item), entry
        else:
            assert agrees(text, value), entry


def test_every_quoted_number_is_in_the_pdf(paper: str, ledger: list[dict[str, str]]) -> None:
    squeezed = re.sub(r"\s", "", plain(paper))
    for entry in ledger:
        assert re.sub(r"\s", "", plain(entry["text"])) in squeezed, entry


def test_the_pdf_has_no_number_of_unknown_origin(
    results: Path, paper: str, ledger: list[dict[str, str]]
) -> None:
    figures = [
        results / f"figures/{name}.pdf"
        for name in (
            "figure1",
            "figure2",
            "figure3",
            "trends_redshift",
            "claims",
            "control",
        )
    ]
    drawn = sum((numbers(pdf_text(path)) for path in figures), Counter())
    quoted = sum((numbers(entry["text"]) for entry in ledger), Counter())
    unknown = set(numbers(paper) - drawn) - set(quoted) - FIXED
    pages = {str(number) for number in range(1, 10)}
    assert not unknown - pages, sorted(unknown - pages)


def test_the_paper_says_first_that_these_are_not_the_real_catalogues(paper: str) -> None:
    assert plain(paper).startswith("These are not the real catalogues")


def test_the_paper_has_three_to_five_pages_and_embedded_fonts(results: Path) -> None:
    path = results / "paper.pdf"
    assert 3 <= len(PdfReader(path).pages) <= 5
    fonts = pdf_fonts(path)
    assert fonts
    assert all(fonts.values()), fonts


def test_figures_embed_their_fonts_and_are_small(results: Path) -> None:
    paths = sorted((results / "figures").glob("*.pdf"))
    assert len(paths) >= 12
    for path in paths:
        assert path.stat().st_size < 1.5e6, path
        fonts = pdf_fonts(path)
        assert fonts, path
        assert all(fonts.values()), (path, fonts)


def test_a_missing_product_is_an_error_and_no_blank(
    results: Path, tmp_path: Path, root: Path
) -> None:
    from scripts.report import write_paper
    from transferz.core.errors import InputError

    shutil.copytree(results, tmp_path / "results")
    folder = tmp_path / "results"
    (folder / "figures/figure2.pdf").write_bytes(b"")
    names = ("figure1", "figure2", "figure3", "trends_redshift", "claims")

    def write() -> None:
        write_paper.main(
            table1=folder / "tables/table1.csv",
            table3=folder / "tables/table3.csv",
            cutflow=folder / "tables/table2.csv",
            claims=folder / "claims.csv",
            splits=folder / "splits/summary.csv",
            overlap=folder / "splits/overlap.csv",
            config=folder / "run_config.yaml",
            control=None,
            claims_file=root / "config/claims.yaml",
            figures=[folder / f"figures/{name}.pdf" for name in names],
            pdf=tmp_path / "paper.pdf",
            numbers=tmp_path / "numbers.csv",
            inputs=["A", "B"],
            redshifts={"source": "photo_z", "target": "spec_z"},
        )

    with pytest.raises(InputError, match=r"figure2\.pdf: product missing or empty"):
        write()
    shutil.copyfile(results / "figures/figure2.pdf", folder / "figures/figure2.pdf")
    (folder / "claims.csv").unlink()
    with pytest.raises(InputError, match=r"claims\.csv: product missing or empty"):
        write()
    assert not (tmp_path / "paper.pdf").exists()


# ------------------------------------------------------------------------------ in a browser

WIDE_ENOUGH = "return document.documentElement.scrollWidth <= window.innerWidth + 1"
ALL_SHOWN = """
const images = [...document.images];
return images.length > 0 && images.every(i => i.complete && i.naturalWidth > 300)
    && images.map(i => i.alt || i.src.slice(0, 40)).length;
"""


# Nothing that can be seen is cut off at the right of the window, but in what scrolls by itself.
CLIPPED = """
return [...document.querySelectorAll('main *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !e.closest('.scroll, figure div');
}).map(e => e.outerHTML.slice(0, 80));
"""
NAMELESS = """
return [...document.querySelectorAll('button, input, a, svg[role=img], img')].filter(e =>
    !(e.innerText || e.alt || e.getAttribute('aria-label') || e.closest('label')?.innerText
      || e.textContent)).map(e => e.outerHTML.slice(0, 80));
"""


@needs_browser
@pytest.mark.parametrize("size", [(1440, 900), DESKTOP, PHONE], ids=["wide", "desktop", "phone"])
@pytest.mark.parametrize(
    ("page", "n_figures", "note"),
    [
        ("index", 10, "These are not the real catalogues"),
        ("spectra", 7, "These are not real spectra"),
    ],
)
def test_an_entry_page_shows_all_it_has(
    results: Path, size: tuple[int, int], page: str, n_figures: int, note: str
) -> None:
    with Browser(size) as browser:
        browser.open(results / f"{page}.html")
        assert browser.wait(ALL_SHOWN) >= n_figures
        assert browser.run("return [...document.images].every(i => i.alt.length > 40)")
        assert browser.run("return document.querySelector('main p').innerText").startswith(note)
        assert browser.run(NAMELESS) == []
        tabs = browser.run("return document.querySelectorAll('[role=tab]').length")
        assert tabs >= 3
        for number in range(tabs):
            browser.run("document.querySelectorAll('[role=tab]')[arguments[0]].click()", number)
            shown = "return [...document.querySelectorAll('[role=tabpanel]')].map(e => !e.hidden)"
            assert browser.run(shown) == [number == each for each in range(tabs)]
            assert browser.run(WIDE_ENOUGH)
            assert browser.run(CLIPPED) == []
        assert browser.errors() == []


@needs_browser
def test_tables_of_the_entry_page_sort_and_strategies_can_be_left_out(results: Path) -> None:
    column = (
        "return [...document.querySelectorAll('table.claims tbody tr td:nth-child(3)')]"
        ".slice(0, 10).map(e => parseFloat(e.dataset.sort))"
    )
    rows = "return [...document.querySelectorAll('table.claims tbody tr')].filter(e => !e.hidden)"
    with Browser(DESKTOP) as browser:
        browser.open(results / "index.html")
        before = browser.run(column)
        browser.run("document.querySelector('table.claims th:nth-child(3) button').click()")
        assert browser.run(column) == sorted(before)
        browser.run("document.querySelector('table.claims th:nth-child(3) button').click()")
        assert browser.run(column) == sorted(before, reverse=True)
        n_rows = browser.run(f"{rows}.length")
        browser.run("document.querySelector('.switches input[value=NN-TL]').click()")
        assert 0 < browser.run(f"{rows}.length") < n_rows
        assert not browser.run(f"{rows}.some(e => e.innerText.startsWith('NN-TL'))")
        # Arrow keys walk through the tabs; a link to a figure opens the tab that it is in.
        browser.run(
            "document.querySelector('[role=tab]').dispatchEvent("
            "new KeyboardEvent('keydown', {key: 'ArrowRight'}))"
        )
        assert browser.run("return document.activeElement.id") == "tab-2"
        browser.run("location.hash = '#calibration'")
        browser.wait("return !document.getElementById('calibration').closest('section').hidden")


def test_links_of_the_entry_page_lead_somewhere(results: Path) -> None:
    text = (results / "index.html").read_text(encoding="utf-8")
    targets = set(re.findall(r'<a href="([^"#]+)"', text))
    assert len(targets) > 20
    missing = {target for target in targets if not (results / target).is_file()}
    # Made afterwards, by `make paper`.
    assert missing == {"report.html"}
    scripts = set(re.findall(r"drawn by <code>([^<]+)</code>", text))
    assert len(scripts) > 10
    assert all((ROOT / script).is_file() for script in scripts)


@pytest.fixture(scope="module")
def report(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    options = ("--cores", "1", "--report", str(path), "--report-stylesheet", STYLESHEET)
    # In a copy: other tests may run the project meanwhile.
    run_snakemake(copy_run(project, folder / "project"), *options)
    return path


@pytest.mark.parametrize("page", ["index", "spectra"])
def test_a_page_is_small_enough_to_be_shown_in_the_report(results: Path, page: str) -> None:
    # Chromium opens no data URI of more than 2 MiB; base64 takes a third more than the page.
    assert (results / f"{page}.html").stat().st_size < 1.5e6


def test_the_report_is_one_file_without_the_network(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert report.stat().st_size < 25e6
    assert not re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)=["']https?:""", text)


# Every result is shown as its menu shows it; the last one that was shown is waited for.
SHOW = """
app.setView({content: arguments[1], contentPath: results[arguments[0]].data_uri,
             resultPath: arguments[0]});
"""


@needs_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_report_shows_every_result(report: Path, size: tuple[int, int]) -> None:
    with Browser(size) as browser:
        browser.open(report)
        browser.wait("return document.querySelector('nav') !== null")
        assert "These are not the real catalogues" in browser.wait(
            "return document.querySelector('.prose')?.innerText"
        )
        assert browser.run(WIDE_ENOUGH)
        found = browser.run(
            "return Object.entries(results).map(([k, r]) => [k, r.mime_type, r.caption])"
        )
        images = [path for path, mime, _ in found if mime == "image/png"]
        assert {f"figure{number}.png" for number in (1, 2, 3, 4)} <= {
            Path(path).name for path in images
        }
        assert all(caption.strip() for *_, caption in found)
        for path in images:
            browser.run(SHOW, path, "img")
            browser.wait(
                "const i = document.querySelector('#app > div > div img');"
                "return i && i.complete && i.naturalWidth > 300 && i.src === results["
                f"{json.dumps(path)}].data_uri && i.clientWidth <= innerWidth"
            )
        for page, n_figures in (("index.html", 10), ("spectra.html", 7)):
            (shown,) = [path for path, *_ in found if path.endswith(page)]
            browser.run(SHOW, shown, "html")
            browser.wait("return document.querySelector('iframe') !== null")
            browser.into_frame(0)
            assert browser.wait(ALL_SHOWN) >= n_figures
            browser.into_frame(None)
        assert browser.errors() == []


@needs_browser
def test_the_report_can_be_walked_through(report: Path) -> None:
    click = (
        "const found = [...document.querySelectorAll('nav li a')]"
        ".filter(e => e.innerText.trim() === arguments[0]);"
        "if (found.length) found[0].click(); return found.length"
    )
    with Browser(DESKTOP) as browser:
        browser.open(report)
        browser.wait("return document.querySelector('nav') !== null")
        categories = browser.run("return Object.keys(categories)")
        assert len(categories) >= 4
        for category in categories:
            assert browser.run(click, category) == 1, category
            n = browser.run(
                "return Object.values(categories[arguments[0]]).map(r => r.length)[0]", category
            )
            browser.wait(f"return document.querySelectorAll('nav tbody tr').length === {n}")
            # The first button of a row shows the result, the second one describes it.
            buttons = browser.run(
                "return document.querySelectorAll('nav tbody tr:first-child a').length"
            )
            assert buttons >= 2
            browser.run("document.querySelector('nav tbody tr:first-child a').click()")
            browser.wait(
                "return document.querySelector('#app > div > div :is(img, iframe)') !== null"
            )
            browser.run("document.querySelectorAll('nav tbody tr:first-child a')[1].click()")
            browser.wait("return document.querySelector('nav').innerText.includes('DESCRIPTION')")
            # Home again.
            browser.run("document.querySelector('nav ol a').click()")
            browser.wait("return document.querySelector('nav').innerText.includes('Statistics')")
        for entry in ("Statistics", "Workflow"):
            assert browser.run(click, entry) == 1, entry
            browser.wait("return document.querySelector('#app > div > div svg, canvas') !== null")
        assert "Methods." in browser.wait("return document.querySelector('.prose')?.innerText")
        assert browser.errors() == []
