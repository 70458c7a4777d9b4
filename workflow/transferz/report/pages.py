"""Pages for the browser: the workflow's Markdown as HTML, in one file that needs no network."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

# A column with a cell of more characters than this is kept wide.
WIDE = 40

# Letters of the system, colours of the figures; one column on a phone.
STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --accent: #0072b2; --warm: #d97f00; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.6rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 0 1.1rem 4rem; }
nav { position: sticky; top: 0; z-index: 2; background: rgba(255,255,255,.96);
  border-bottom: 1px solid var(--line); overflow-x: auto; white-space: nowrap; }
nav div { max-width: 1080px; margin: 0 auto; padding: .7rem 1.1rem; }
nav a { color: var(--accent); text-decoration: none; margin-right: 1.2rem; font-size: .93rem; }
nav a:hover, nav a:focus { text-decoration: underline; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1.6rem 0 .4rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--accent); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.note { background: #fdf1dc; border-left: 4px solid var(--warm); padding: .7rem 1rem;
  font-weight: 600; margin: 1.2rem 0 0; }
.note.real { background: #e8f1f8; border-color: var(--accent); }
.lead { font-size: 1.08rem; color: var(--soft); max-width: 46rem; }
.tally { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.3rem 0; padding: 0;
  list-style: none; }
.tally li { border: 1px solid var(--line); border-radius: 8px; padding: .6rem 1.1rem; }
.tally b { display: block; font-size: 1.7rem; line-height: 1.2; color: var(--accent); }
figure { margin: 1.6rem 0 2.6rem; }
figure img { display: block; width: 100%; height: auto; }
.r { text-align: right; white-space: nowrap; }
.w { min-width: 17rem; }
@media (max-width: 620px) { figure div { overflow-x: auto; } figure img { width: 680px; }
  h1 { font-size: 1.5rem; } }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .6rem; max-width: 60rem; }
figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums;
  border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); min-width: 60%; }
th:not(.r) { text-align: left; }
th { border-bottom: 1px solid var(--ink); vertical-align: bottom; }
th, td { padding: .32rem .7rem .32rem 0; }
tbody tr:nth-child(even) { background: #f6f8fa; }
code { font-size: .92em; background: #f2f4f7; padding: .05em .25em; border-radius: 3px; }
"""


def inline(text: str) -> str:
    """Return a line of Markdown as HTML: **bold** and `code`, the rest escaped."""
    escaped = html.escape(text.replace(r"\|", "|"), quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escaped)


def cells(line: str) -> list[str]:
    """Return the cells of a row of a pipe table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def table(lines: Sequence[str]) -> str:
    """Return a pipe table as HTML; columns whose rule ends in a colon are aligned to the right."""
    columns = zip(*(cells(line) for line in lines[2:]), strict=True)
    widest = [max(map(len, column)) for column in columns] or [0] * len(cells(lines[0]))
    kinds = [
        ' class="r"' if rule.endswith(":") else ' class="w"' if width > WIDE else ""
        for rule, width in zip(cells(lines[1]), widest, strict=True)
    ]

    def row(line: str, tag: str) -> str:
        found = [
            f"<{tag}{kind}>{inline(cell)}</{tag}>"
            for cell, kind in zip(cells(line), kinds, strict=True)
        ]
        return f"<tr>{''.join(found)}</tr>"

    body = "\n".join(row(line, "td") for line in lines[2:])
    head = row(lines[0], "th")
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def markdown_to_html(text: str, level: int = 1) -> str:
    """Return Markdown as this workflow writes it as HTML.

    Parameters
    ----------
    text : str
        Headings, paragraphs, lists with hyphens and pipe tables.
    level : int
        Of a heading with one hash.
    """
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if lines[0].startswith("#"):
            depth = len(lines[0]) - len(lines[0].lstrip("#")) + level - 1
            parts.append(f"<h{depth}>{inline(lines[0].lstrip('# '))}</h{depth}>")
        elif lines[0].startswith("|"):
            parts.append(table(lines))
        elif lines[0].startswith("- "):
            items = re.sub(r"\n\s+", " ", block)[2:].split("\n- ")
            parts.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
        else:
            parts.append(f"<p>{inline(' '.join(lines))}</p>")
    return "\n".join(parts)


def page(title: str, body: str) -> str:
    """Return a whole page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def note(text: str, real: bool) -> str:
    """Return the first line of a page: on which sky its numbers were measured."""
    return f'<p class="note{" real" if real else ""}">{html.escape(text)}</p>'
