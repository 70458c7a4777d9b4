"""The one exception for mistakes in what a user gives: catalogues, columns, configuration."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """Something the user gave is wrong; the message says what, where and how to mend it.

    Parameters
    ----------
    what : str
        What is wrong, in a few words.
    file : path-like, optional
        File in which it was found.
    key : str, optional
        Column, configuration key or cut concerned.
    found, expected : object, optional
        What is there, and what should be.
    fix : str, optional
        What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        key: str | None = None,
        found: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.file, self.key = what, file, key
        self.found, self.expected, self.fix = found, expected, fix
        place = ": ".join(str(part) for part in (file, key) if part is not None)
        facts = [what]
        if found is not None:
            facts.append(f"found {found}")
        if expected is not None:
            facts.append(f"expected {expected}")
        if fix is not None:
            facts.append(fix)
        message = "; ".join(facts)
        super().__init__(f"{place}: {message}" if place else message)

    def __reduce__(self) -> tuple:
        """Keep the keyword arguments when the error crosses a process boundary."""
        keywords = {
            name: getattr(self, name) for name in ("file", "key", "found", "expected", "fix")
        }
        return _rebuild, (self.what, keywords)


def _rebuild(what: str, keywords: dict) -> InputError:
    return InputError(what, **keywords)
