"""What was tried, case by case, and what became of it: one table to be read as a whole."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

# Reader or key, case, message or what became of it.
Shown = list[tuple[str, str, str]]


def write_report(collected: Shown, failed: int, folder: Path) -> None:
    accepted = sum(message.startswith("accepted") for _, _, message in collected)
    lines = [
        "# Bad inputs",
        "",
        f"{len(collected)} inputs tried: {len(collected) - accepted} refused, {accepted} accepted "
        f"with the meaning stated, {failed} unnoticed or unclear.",
        "",
        "| reader or key | input | what is shown |",
        "|---|---|---|",
    ]
    for cells in collected:
        escaped = (cell.replace("|", r"\|").replace("<", "&lt;") for cell in cells)
        lines.append(f"| {' | '.join(escaped)} |")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bad_inputs.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = pd.DataFrame(collected, columns=["reader or key", "input", "shown"])
    table.to_csv(folder / "bad_inputs.csv", index=False)
