"""Show what of a run is done, what is missing, and what its jobs said last.

Inputs: none; the products of each stage come through params, so that nothing is made. Output: the
page on the terminal and in the log. May be run beside a running workflow (with --nolock).
"""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.core.logs import run

if TYPE_CHECKING:
    from snakemake.script import snakemake

logger = logging.getLogger(__name__)

# Logs written less than this many seconds ago belong to jobs that may be running.
RECENT_SECONDS = 120.0


def status_lines(
    results: str | Path, stages: Mapping[str, Sequence[str]], logs: str | Path, now: float
) -> list[str]:
    """Return one line per stage, then the last words of failed and of recently active jobs.

    Parameters
    ----------
    results : path-like
        Folder of the products.
    stages : mapping of str to sequence of str
        Products by stage, relative to it.
    logs : path-like
        Folder of the run's logs.
    now : float
        Seconds since the epoch.
    """
    lines, n_done, n_all = [], 0, 0
    for stage, products in stages.items():
        if not products:
            continue
        missing = [path for path in products if not Path(results, path).exists()]
        n_done, n_all = n_done + len(products) - len(missing), n_all + len(products)
        some = f"   missing: {missing[0]}" if missing else ""
        some += f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        lines.append(f"{stage:<12} {len(products) - len(missing):>5} of {len(products)}{some}")
    lines.append(f"{'all':<12} {n_done:>5} of {n_all}")
    for path in sorted(Path(logs).rglob("*.log")):
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        failed = [line for line in text if " ERROR " in line]
        if failed:
            lines.append(f"failed: {path}: {failed[-1]}")
        elif text and now - path.stat().st_mtime < RECENT_SECONDS:
            lines.append(f"recent: {path}: {text[-1]}")
    return lines


def main(results: str | Path, stages: Mapping[str, Sequence[str]], logs: str | Path) -> None:
    """Log the state of a run."""
    for line in status_lines(results, stages, logs, time.time()):
        logger.info("%s", line)


if __name__ == "__main__":
    run(main, snakemake, aloud=True)
