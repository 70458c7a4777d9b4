"""Change one operator or number at a time in the modules that decide: a test must fail each time.

    make mutants                                     all of MODULES: hours
    make mutants MODULES="catalogues/crossmatch"     one of them

Runs in a copy of the project. Changes that no test notices are printed, and are an error unless
tests/mutants/equivalent.txt names them and says why they change no result.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Modules whose numbers are published, or decide splits, cuts and verdicts, and their tests.
MODULES = {
    "catalogues/crossmatch": ["catalogues/test_cuts.py", "survey/test_sky.py"],
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
    "uncertainty/scores": ["uncertainty/test_scores.py"],
}
# Changes that stand for no mistake that people make, and unions in annotations.
EXCLUDED = [
    "core/ReplaceBinaryOperator_BitOr_.*",
    "core/ReplaceBinaryOperator_.*_(LShift|RShift|BitOr|BitAnd|BitXor|FloorDiv|Mod|Pow)",
    "core/ReplaceComparisonOperator_.*_(Is|IsNot)",
    "core/(ExceptionReplacer|RemoveDecorator|ZeroIterationForLoop)",
]
CONFIG = """\
[cosmic-ray]
module-path = "workflow/transferz/{module}.py"
timeout = 120.0
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = {excluded}
"""


def survivors(module: str, project: Path, tools: Path) -> tuple[list[str], int]:
    """Return the changes of a module that its tests do not notice, and how many were tried."""
    tests = " ".join(f"tests/unit/{name}" for name in MODULES[module])
    fields = {"module": module, "tests": tests, "python": sys.executable}
    (project / "mutants.toml").write_text(CONFIG.format(**fields, excluded=json.dumps(EXCLUDED)))
    files = ["mutants.toml", "mutants.sqlite"]
    (project / files[1]).unlink(missing_ok=True)

    def run(*command: str) -> str:
        done = subprocess.run(
            [tools / command[0], *command[1:]], cwd=project, check=True, capture_output=True
        )
        return done.stdout.decode()

    run("cosmic-ray", "init", *files)
    run("cosmic-ray", "baseline", files[0])
    run("cr-filter-operators", files[1], files[0])
    run("cosmic-ray", "exec", *files)
    found, tried = [], 0
    for line in run("cosmic-ray", "dump", files[1]).splitlines():
        _, result = json.loads(line)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        tried += 1
        if result["test_outcome"] == "survived":
            lines = [text for text in result["diff"].splitlines() if text[:1] in "+-"][3:]
            found.append(f"{module}: " + " -> ".join(text[1:].strip() for text in lines))
    return found, tried


def main(names: list[str], tools: Path) -> int:
    """Try the changes of the modules named; return how many are not noticed and not listed."""
    text = (ROOT / "tests/mutants/equivalent.txt").read_text()
    known = {line for line in text.splitlines() if line and not line.startswith("#")}
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        ignore = shutil.ignore_patterns(".*", "results", "data", "logs", "__pycache__")
        shutil.copytree(ROOT, project, ignore=ignore)
        for module in names or MODULES:
            found, tried = survivors(module, project, tools)
            new = [line for line in found if line not in known]
            print(f"{module}: {tried} changes, {len(found)} not noticed, {len(new)} not listed")
            print(*new, sep="\n", flush=True)
            unnoticed += len(new)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], Path(sys.argv[1]).resolve()) > 0)
