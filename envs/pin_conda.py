"""Write the locked versions of envs/requirements.txt into the conda environment files.

Usage: python envs/pin_conda.py [--check]. Standard library only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def locked_versions(text: str) -> dict[str, str]:
    """Return package -> version of a pip lock file."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", text, flags=re.MULTILINE))


def pinned(text: str, versions: dict[str, str]) -> str:
    """Return the environment file `text` with every locked package at its version."""

    def pin(match: re.Match[str]) -> str:
        name = match["name"]
        return f"  - {name}={versions[name]}" if name in versions else match[0]

    return re.sub(r"^  - (?P<name>[a-z0-9_-]+)(=\S+)?$", pin, text, flags=re.MULTILINE)


def main(check: bool) -> int:
    """Pin all files, or only report those that differ; return the exit status."""
    versions = locked_versions((HERE / "requirements.txt").read_text(encoding="utf-8"))
    differing = []
    for path in sorted(HERE.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        new = pinned(text, versions)
        if new != text:
            differing.append(path.name)
            if not check:
                path.write_text(new, encoding="utf-8")
    for name in differing:
        print(f"{name}: {'differs from' if check else 'pinned to'} requirements.txt")
    return int(check and bool(differing))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
