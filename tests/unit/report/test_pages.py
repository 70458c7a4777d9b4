"""Markdown pages as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.report import write_page
from transferz.core.errors import InputError
from transferz.report.pages import inline, markdown_to_html, page
from transferz.report.tables import markdown_table


class Reader(HTMLParser):
    """Collects tags and texts, and complains when tags do not close in order."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    return reader


def test_inline_marks_and_escapes() -> None:
    assert inline("**a < b** and `c & d`") == "<b>a &lt; b</b> and <code>c &amp; d</code>"


@pytest.mark.parametrize(
    "text",
    [
        *("_a_ and *b*", "[a](javascript:b)", "![a](b)", "https://a.b", "<https://a.b>", "&amp;"),
        *(r"\*a\*", "<b>a</b>", "[a]: b", "~~a~~", "&#42;"),
    ],
)
def test_other_markup_is_text(text: str) -> None:
    reader = read(markdown_to_html(f"x {text}"))
    assert reader.tags == ["p"]
    assert reader.texts == [f"x {text}"]


def test_table_keeps_every_cell_and_the_alignment() -> None:
    text = markdown_table(["name", "value"], [["a|b", "1"], ["**c**", "2"]], "lr")
    reader = read(markdown_to_html(text))
    assert reader.texts == ["name", "value", "a|b", "1", "c", "2"]
    assert markdown_to_html(text).count('class="r"') == 3


def test_table_without_rows_is_a_header() -> None:
    assert read(markdown_to_html(markdown_table(["a", "b"], []))).texts == ["a", "b"]


def test_headings_lists_and_paragraphs() -> None:
    reader = read(markdown_to_html("# One\n\ntwo\nlines\n\n- a\n  more\n- b\n\n## Three", 2))
    assert reader.tags == ["h2", "p", "ul", "li", "li", "h3"]
    assert reader.texts == ["One", "two lines", "a more", "b", "Three"]


def test_page_asks_the_network_for_nothing(tmp_path: Path) -> None:
    text = page(title="Title", note="Note.", real=True, content="x")
    read(text)
    assert "http" not in text


def test_page_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"claims\.md"):
        write_page.main(tmp_path / "claims.md", tmp_path / "claims.html", survey="embedded")


def test_page_starts_with_the_note(tmp_path: Path) -> None:
    source = tmp_path / "claims.md"
    source.write_text("These are not the real catalogues.\n\n# Claims\n\ntext\n")
    write_page.main(source, tmp_path / "claims.html", survey="embedded")
    reader = read((tmp_path / "claims.html").read_text())
    assert reader.texts[-4:-1] == ["These are not the real catalogues.", "Claims", "text"]
