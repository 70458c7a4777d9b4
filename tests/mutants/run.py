"""Change one operator or number at a time in the modules that decide: a test must fail each time.

    make mutants                                     all of MODULES: hours
    make mutants MODULES="catalogues/crossmatch"     one of them

Runs in a copy of the project; cosmic-ray makes the changes. One process imports the libraries of
the tests and forks once per change. Changes that no test notices are printed, and are an error
unless tests/mutants/equivalent.txt names them and says why they change no result. The numbers go
into tests/mutants/RESULT.md.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[2]
# Modules whose numbers are published, or decide splits, cuts and verdicts, and their tests.
MODULES = {
    "catalogues/crossmatch": ["catalogues/test_cuts.py"],
    "catalogues/cuts": ["catalogues/test_cuts.py"],
    "catalogues/identity": ["catalogues/test_identity.py"],
    "catalogues/splits": ["catalogues/test_splits.py"],
    "evaluation/claims": ["evaluation/test_claims.py"],
    "evaluation/metrics": ["evaluation/test_metrics.py"],
    "evaluation/over_seeds": ["evaluation/test_over_seeds.py"],
    "evaluation/resampling": ["evaluation/test_resampling.py"],
    "uncertainty/conformal": [
        "uncertainty/test_conformal.py",
        "uncertainty/test_recalibration.py",
    ],
    "uncertainty/recalibration": ["uncertainty/test_recalibration.py"],
    "uncertainty/scores": ["uncertainty/test_scores.py", "spectra/test_uncertainty.py"],
}
# Tests that take long: only for changes that no other test notices.
SLOW = [
    "test_brute_force_gives_the_same_intervals",
    "test_claims_are_drawn",
    "test_intervals_cover_as_often_as_they_say",
    "test_scores_are_best_where_the_stated_width_is_the_true_one",
    "test_the_figure_shows_the_histograms_in_its_table",
    "test_the_file_of_draws",
]
# Changes that stand for no mistake that people make, and unions in annotations.
EXCLUDED = [
    "core/ReplaceBinaryOperator_BitOr_.*",
    "core/ReplaceBinaryOperator_.*_(LShift|RShift|BitOr|BitAnd|BitXor|FloorDiv|Mod|Pow)",
    "core/ReplaceComparisonOperator_.*_(Is|IsNot)",
    "core/(ExceptionReplacer|RemoveDecorator|ZeroIterationForLoop)",
]
# Processor seconds that the tests of a module may take.
LIMIT = 120


def changes(code: str) -> Iterator[str]:
    """Yield the code of a module with one change each."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments() or any(re.fullmatch(pattern, name) for pattern in EXCLUDED):
            continue
        occurrence = 0
        while (changed := mutate_code(code, operator(), occurrence)) is not None:
            occurrence += 1
            # The star of a signature is no product.
            if changed.count("/,") == code.count("/,"):
                yield changed


def in_child(work: Callable[[], int], limit: int) -> int:
    """Return what `work` returns in a fork of this process, -1 if that was ended."""
    child = os.fork()
    if not child:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        # A busy machine may give the process a hundredth of its time.
        signal.alarm(100 * limit)
        os._exit(work())
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else -1


def preload(tests: list[str], folder: Path) -> None:
    """Import the libraries that tests import; fail if tests do."""

    def work() -> int:
        failed = int(pytest.main(tests))
        own = ("transferz", "scripts", "tests", "conftest", "test_", "_pytest", "__main__", "py.")
        names = [name for name in list(sys.modules) if not name.startswith(own)]
        (folder / "imported.txt").write_text("\n".join(names))
        return failed

    if in_child(work, LIMIT):
        raise SystemExit(f"tests fail before any change: {' '.join(tests)}")
    for name in (folder / "imported.txt").read_text().split():
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def survivors(module: str) -> tuple[list[str], int]:
    """Return the changes of a module that its tests do not notice, and how many were tried."""
    path = Path(f"workflow/transferz/{module}.py")
    tests = ["-x", "-q", "-p", "no:cacheprovider", *(f"tests/unit/{t}" for t in MODULES[module])]
    quick = [*tests, "-k", f"not ({' or '.join(SLOW)})"]
    preload(tests, Path.cwd().parent)
    began = os.times().children_user
    if in_child(partial(pytest.main, tests), LIMIT):
        raise SystemExit(f"{module}: its tests fail in a fork, or need more than {LIMIT} seconds")
    # What takes much longer than the tests of the code as it is never ends.
    limit = 10 + 5 * int(os.times().children_user - began)
    code, found, tried = path.read_text(), [], 0
    for tried, changed in enumerate(changes(code), start=1):
        path.write_text(changed)
        # Compiled code goes by whole seconds and sizes, which two changes may share.
        os.utime(path, (tried, tried))
        runs = (in_child(partial(pytest.main, args), limit) for args in (quick, tests))
        if not any(runs):
            lines = list(difflib.unified_diff(code.split("\n"), changed.split("\n"), n=0))[3:]
            texts = filter(None, (line[1:].strip() for line in lines))
            found.append(f"{module}: " + " -> ".join(texts))
            print(f"not noticed, {tried} tried: {found[-1]}", flush=True)
    path.write_text(code)
    return found, tried


def record(module: str, tried: int, known: int, new: int) -> None:
    """Replace the line of a module in RESULT.md."""
    path = ROOT / "tests/mutants/RESULT.md"
    head, rule, rows = path.read_text().partition("|---|---:|---:|---:|---:|---|\n")
    kept = [row for row in rows.splitlines() if not row.startswith(f"| {module} |")]
    numbers = f"{tried} | {tried - known - new} | {known} | {new}"
    kept.append(f"| {module} | {numbers} | {time.strftime('%Y-%m-%d')} |")
    path.write_text(head + rule + "\n".join(sorted(kept)) + "\n")


def main(names: list[str], tools: Path) -> int:
    """Try the changes of the modules named; return how many are not noticed and not listed."""
    # The same examples each time; a failure is enough, the smallest one is not looked for.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", derandomize=True, phases=phases)
    hypothesis.settings.load_profile("mutants")
    sys.path.extend(map(str, tools.parent.glob("lib/python*/site-packages")))
    text = (ROOT / "tests/mutants/equivalent.txt").read_text()
    listed = {line for line in text.splitlines() if line and not line.startswith("#")}
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        ignore = shutil.ignore_patterns(".*", "results", "data", "logs", "__pycache__")
        shutil.copytree(ROOT, project, ignore=ignore)
        os.chdir(project)
        for module in names or MODULES:
            found, tried = survivors(module)
            new = [line for line in found if line not in listed]
            print(f"{module}: {tried} changes, {len(found)} not noticed, {len(new)} not listed:")
            print(*new, sep="\n", flush=True)
            record(module, tried, len(found) - len(new), len(new))
            unnoticed += len(new)
        os.chdir(ROOT)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], Path(sys.argv[1]).resolve()) > 0)
