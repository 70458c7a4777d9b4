"""Pages for the browser: the workflow's Markdown as HTML, in one file that needs no network."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from PIL import Image

from transferz.core.errors import InputError

# Part of the code of the rules that read them (see code_hash in common.smk).
DATA_FILES = ["page.html.j2", "page.js", "index.html.j2", "figure.html.j2"]
# Pixels across, and quality of the images: sharp on dense screens, and the page stays below 1.5 MB,
# beyond which Chromium shows no page inside another one (the report has it as a data URI).
IMAGE_WIDTH = 1280
IMAGE_QUALITY = 75
# A column with a cell of more characters than this is kept wide.
WIDE = 40
# Where the scripts of this workflow lie, for the words "drawn by".
SCRIPTS = Path(__file__).parents[2] / "scripts"

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# Of Markdown, what the workflow writes.
KNOWN = ("heading", "list", "table", "newline", "backticks", "emphasis")


def parser() -> MarkdownIt:
    """Return a parser that knows what the workflow writes, and takes all else for text."""
    found = MarkdownIt("zero").enable(KNOWN)
    found.renderer.rules |= {
        "strong_open": lambda *_: "<b>",
        "strong_close": lambda *_: "</b>",
        "em_open": lambda tokens, at, *_: tokens[at].markup,
        "em_close": lambda tokens, at, *_: tokens[at].markup,
        "softbreak": lambda *_: " ",
        "hardbreak": lambda *_: " ",
        "table_open": lambda *_: '<div class="scroll"><table>\n',
        "table_close": lambda *_: "</table></div>\n",
    }
    return found


PARSER = parser()


def inline(text: str) -> Markup:
    """Return a line of Markdown as HTML: **bold** and `code`, the rest escaped."""
    return Markup(PARSER.renderInline(text))


def set_columns(tokens: list[Token]) -> None:
    """Give the cells of a table their class: r for numbers, w in a column with a long cell."""
    cells = [number for number, token in enumerate(tokens) if token.type in ("th_open", "td_open")]
    n_columns = sum(tokens[number].type == "th_open" for number in cells)
    for column in range(n_columns):
        numbers = cells[column::n_columns]
        longest = max((len(tokens[number + 1].content) for number in numbers[1:]), default=0)
        for number in numbers:
            right = tokens[number].attrs.pop("style", None) == "text-align:right"
            if right or longest > WIDE:
                tokens[number].attrs["class"] = "r" if right else "w"


def markdown_to_html(text: str, level: int = 1) -> Markup:
    """Return Markdown as this workflow writes it as HTML.

    Parameters
    ----------
    text : str
        Headings, paragraphs, lists with hyphens and pipe tables.
    level : int
        Of a heading with one hash.
    """
    # Block by block: in Markdown, two lists with an empty line between them are one.
    return Markup("").join(block_to_html(block, level) for block in re.split(r"\n\s*\n", text))


def block_to_html(text: str, level: int) -> Markup:
    """Return a heading, paragraph, list or table as HTML."""
    tokens = PARSER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1:]) + level - 1}"
    set_columns(tokens)
    return Markup(PARSER.renderer.render(tokens, PARSER.options, {}))


def read(path: str | Path) -> str:
    """Return a text.

    Raises
    ------
    InputError
        If it is missing or empty.
    """
    path = Path(path)
    if not path.is_file() or not path.stat().st_size:
        raise InputError("product missing or empty", file=path, fix="run the rule that makes it")
    return path.read_text(encoding="utf-8")


def picture(path: Path) -> str:
    """Return an image as a data URI, no larger than the page needs."""
    if not path.is_file():
        raise InputError("product missing", file=path, fix="run the rule that makes it")
    with Image.open(path) as image:
        shown = image.convert("RGB")
        if shown.width > IMAGE_WIDTH:
            shown = shown.resize(
                (IMAGE_WIDTH, round(shown.height * IMAGE_WIDTH / shown.width)), Image.LANCZOS
            )
        buffer = io.BytesIO()
        shown.save(buffer, "WEBP", quality=IMAGE_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def figure(path: Path, measured_on: str) -> dict[str, str]:
    """Return a figure with its caption and its text for those who cannot see it.

    The page says once, on top, what every caption says: `measured_on`.
    """
    caption, _, alt = read(path.with_suffix(".md")).partition("Alt text: ")
    words = inline(caption.strip().replace(measured_on, "").strip())
    return {"name": path.stem, "image": picture(path), "caption": words, "alt": alt.strip()}


def script_of(name: str) -> str | None:
    """Return the script that draws a figure, below the folder of the project, or None."""
    for stem in (name, f"plot_{name}", f"plot_{name.partition('_')[0]}"):
        for path in (
            *SCRIPTS.glob(f"*/{stem}.py"),
            *SCRIPTS.glob(f"{name.partition('_')[0]}/{stem}.py"),
        ):
            return str(path.relative_to(SCRIPTS.parents[1]))
    return None


def page(template: str = "page.html.j2", **content: object) -> str:
    """Return a whole page: a template filled in, text escaped and `Markup` as it is."""
    script = Markup((Path(__file__).parent / "page.js").read_text(encoding="utf-8"))
    return TEMPLATES.get_template(template).render(content, script=script)
