"""How far a training job is: its lines in the log, and what they say afterwards. No TensorFlow."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path

from transferz.core.errors import InputError

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0
# The last line of `Progress`, all seeds done.
_FINISHED = re.compile(
    r": (\d+) of \1 seeds, \d+ thousand galaxies/s, (\d+) s, (\d+) s of processor$", re.MULTILINE
)


class Progress:
    """One line every ten seconds: how far, how fast, how long still.

    Parameters
    ----------
    label : str
        Names the job, e.g. ``NN-Base seeds 0-9``.
    n_seeds : int
    n_rows : int
        Training rows seen in an epoch.
    """

    def __init__(self, label: str, n_seeds: int, n_rows: int) -> None:
        self.label, self.n_seeds, self.n_rows = label, n_seeds, n_rows
        self.begin = self.last = time.monotonic()
        self.processor = time.process_time()
        self.done = self.restored = self.epochs = 0

    def epoch(self, seed: int, epoch: int) -> None:
        """Count an epoch; write a line if it is time."""
        self.epochs += 1
        now = time.monotonic()
        if now - self.last >= PROGRESS_SECONDS:
            self.last = now
            logger.info("%s: %s, seed %d in epoch %d", self.label, self._state(now), seed, epoch)

    def seed(self, *, restored: bool = False) -> None:
        """Count a finished seed."""
        self.done += 1
        self.restored += restored

    def end(self) -> None:
        """Write the last line."""
        logger.info("%s: %s", self.label, self._state(time.monotonic()))

    def _state(self, now: float) -> str:
        elapsed = now - self.begin
        rate = self.epochs * self.n_rows / max(elapsed, 1e-9) / 1000
        text = f"{self.done} of {self.n_seeds} seeds, {rate:.0f} thousand galaxies/s"
        trained = self.done - self.restored
        if 0 < self.done < self.n_seeds and trained:
            text += f", about {elapsed / trained * (self.n_seeds - self.done):.0f} s left"
        elif self.done == self.n_seeds:
            text += f", {elapsed:.0f} s, {time.process_time() - self.processor:.0f} s of processor"
        return text


def training_seconds(log: str | Path) -> tuple[float, float]:
    """Seconds, and those of processor, of a finished training job's loop over seeds, by its log.

    Raises
    ------
    InputError
        If the log does not say.
    """
    try:
        found = _FINISHED.findall(Path(log).read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise InputError("log not found", file=log, found=str(error)) from error
    if not found:
        raise InputError(
            "the log has no last line of a training",
            file=log,
            expected="... seeds, ... thousand galaxies/s, ... s",
            fix="delete the models of its chunk and run again",
        )
    return float(found[-1][1]), float(found[-1][2])
