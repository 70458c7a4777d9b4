"""Sum up a fault campaign in the table that is kept: summarise.py FOLDER RESULT.md.

FOLDER holds campaign.csv and bad_inputs.csv of a run of `make test-faults` that passed.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from campaign import TARGETS


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def numbers(faults: list[dict[str, str]], inputs: list[dict[str, str]]) -> dict[str, int]:
    """Return what was tried and what became of it."""
    kills = Counter(row["fault"] for row in faults if row["fault"].startswith("SIGKILL"))
    bits = [row for row in faults if row["fault"] == "single bits flipped"]
    others = len(faults) - sum(kills.values()) - len(bits)
    outcomes = Counter(row["outcome"] for row in faults)
    accepted = sum(row["shown"].startswith("accepted") for row in inputs)
    return {
        "kills": sum(kills.values()),
        "of them: the running jobs": kills["SIGKILL job"],
        "of them: snakemake, its jobs living on": kills["SIGKILL snakemake"],
        "of them: everything at once": kills["SIGKILL everything"],
        "other faults": others,
        "single bits flipped": sum(int(re.match(r"\d+", row["where"])[0]) for row in bits),
        "bad inputs": len(inputs),
        "of them: refused with a message": len(inputs) - accepted,
        "of them: accepted with a stated meaning": accepted,
        "lost": outcomes["lost"],
        "silently wrong": outcomes["wrong"],
    }


def revision() -> str:
    """Return the revision of the workflow; the result file itself may differ."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.strip() or "unknown"


def main(folder: Path, result: Path) -> None:
    """Write the table and print it."""
    found = numbers(read(folder / "campaign.csv"), read(folder / "bad_inputs.csv"))
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    lines = [
        f"Written by `make test-faults` on {date}, revision {revision()}: every case passed. "
        f"The kills hit the rules of the targets {', '.join(TARGETS)} "
        "of config/test.yaml. Each case is in results/faults.",
        "",
        "| what | number |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in found.items()),
    ]
    text = "\n".join(lines) + "\n"
    result.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
