"""Settings as rules hand them on: they print in a few words.

Snakemake records each param as it prints, runs a rule again if that has changed, and shows the old
and the new value. For a long value, its name and a hash of its content are enough for both. A
report has it in full.
"""

from __future__ import annotations

import copy
import hashlib

# What prints in so many characters is left as it is.
SHORT = 60


class Section(dict):
    """A mapping that prints as its name and a hash of its content, if that is shorter."""

    def __init__(self, values: dict, name: str = "configuration") -> None:
        prefix = "" if name == "configuration" else f"{name}."
        super().__init__({key: brief(values[key], f"{prefix}{key}") for key in values})
        self.name = name

    def __repr__(self) -> str:
        return short(super().__repr__(), self.name)

    def __str__(self) -> str:
        return str(copy.deepcopy(self))

    def __reduce__(self) -> tuple:
        # A script, or a copy, gets a plain mapping.
        return dict, (dict(self),)


class Series(list):
    """A list that prints as its name and a hash of its content, if that is shorter."""

    def __init__(self, values: list, name: str) -> None:
        super().__init__(brief(value, f"{name}.{k}") for k, value in enumerate(values))
        self.name = name

    def __repr__(self) -> str:
        return short(super().__repr__(), self.name)

    def __str__(self) -> str:
        return str(copy.deepcopy(self))

    def __reduce__(self) -> tuple:
        # A script, or a copy, gets a plain list.
        return list, (list(self),)


def brief(value: object, name: str) -> object:
    """Return `value`, a mapping or list as one that prints short; `name` says what it is."""
    if isinstance(value, dict):
        return Section(value, name)
    return Series(value, name) if isinstance(value, list) else value


def short(text: str, name: str) -> str:
    """Return `text`, or, if it is long, the name and a hash of it."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return text if len(text) <= SHORT else f"<{name} {digest}>"
