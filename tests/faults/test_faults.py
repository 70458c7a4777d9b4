"""The fault campaign: kills, full disks, damaged files; nothing lost, nothing silently wrong.

Environment
    FAULTS=short        the catalogues' half of the DAG and two kills, for `make test`
    FAULTS_REPORT       folder of campaign.{csv,md}; results/faults by default
    FAULTS_REFERENCE    a finished, undisturbed run to compare with, instead of making one
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferz.core.errors import InputError
from transferz.core.products import read_parquet
from transferz.run.invariants import read_weights

from .campaign import (
    RESULTS,
    ROOT,
    TARGETS,
    Outcome,
    Run,
    copy_project,
    differing,
    digests,
    kill_until_done,
    leftovers,
    message_of,
    unlock,
    write_report,
)

SHORT = os.environ.get("FAULTS") == "short"
SEED = 20241118
KILLS = 2 if SHORT else 60
FLIPS = 100 if SHORT else 1000
OVERLAYS = [str(Path(__file__).with_name("short.yaml" if SHORT else "whole.yaml"))]
CONFIG = ("--configfile", "config/test.yaml", *OVERLAYS)
# In the short form no network: each start of TensorFlow costs as much as all of its jobs.
CATALOGUES = (str(RESULTS / "splits/combo.parquet"), str(RESULTS / "tables/table2.csv"))
EVERYTHING = ("--cores", "2", *(CATALOGUES if SHORT else TARGETS), *CONFIG)
# Evaluation and tables: jobs of seconds, which read what the long ones have made.
TABLES = ("--cores", "1", "tables", *CONFIG)
PER_SEED = RESULTS / "metrics/per_seed.csv"


whole = pytest.mark.skipif(SHORT, reason="part of the whole campaign")


@pytest.fixture(scope="session")
def outcomes() -> Iterator[list[Outcome]]:
    """Outcomes of the session; written as the campaign's table at its end."""
    collected: list[Outcome] = []
    yield collected
    if collected:
        folder = Path(os.environ.get("FAULTS_REPORT", ROOT / "results/faults"))
        write_report(collected, folder, "Fault campaign" + (" (short form)" if SHORT else ""))


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    if "FAULTS_REFERENCE" in os.environ:
        return Path(os.environ["FAULTS_REFERENCE"])
    folder = copy_project(tmp_path_factory.mktemp("reference") / "project")
    run = Run(folder, EVERYTHING)
    assert run.finish() == 0, run.text[-5000:]
    return folder


@pytest.fixture
def clone(reference: Path, tmp_path: Path) -> Path:
    """A private copy of the undisturbed run; time stamps and metadata included."""
    return Path(shutil.copytree(reference, tmp_path / "clone", symlinks=True))


def without_tables(folder: Path) -> Path:
    """Delete the metrics and Tables 1 and 2, which are then to be made again."""
    (folder / PER_SEED).unlink()
    for path in (folder / RESULTS / "tables").glob("table[12].*"):
        path.unlink()
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    process = Run(folder, arguments or TABLES)
    return process.finish(), process.text


def check_same(folder: Path, reference: Path) -> None:
    assert differing(digests(folder), digests(reference)) == []
    assert leftovers(folder) == []


def check_mended(folder: Path, reference: Path) -> None:
    """Run again, undisturbed: the products must be those of the undisturbed run."""
    status, text = run(folder)
    assert status == 0, text[-5000:]
    check_same(folder, reference)


def test_killed_again_and_again(reference: Path, tmp_path: Path, outcomes: list[Outcome]) -> None:
    folder = copy_project(tmp_path / "project")
    # The short form's jobs take a second or two; a later moment would miss them all.
    longest = float(os.environ.get("FAULTS_LONGEST", 0.5 if SHORT else 6))
    killed = kill_until_done(folder, EVERYTHING, kills=KILLS, seed=SEED, longest=longest)
    outcomes += killed
    assert len(killed) >= (1 if SHORT else 25)
    check_same(folder, reference)


@whole
def test_two_runs_at_once(clone: Path, reference: Path, outcomes: list[Outcome]) -> None:
    without_tables(clone)
    runs = [Run(clone, TABLES) for _ in range(2)]
    statuses = [one.finish() for one in runs]
    assert 0 in statuses, runs[0].text[-3000:] + runs[1].text[-3000:]
    refused = [message_of(one.text) for one, status in zip(runs, statuses, strict=True) if status]
    check_mended(clone, reference)
    noticed = "; ".join(refused) or "nothing: both ended well, with the same bytes"
    outcomes.append(Outcome("two runs at once", "one folder", noticed, "recovered"))


@whole
def test_interrupted_from_the_keyboard(
    clone: Path, reference: Path, outcomes: list[Outcome]
) -> None:
    process = Run(without_tables(clone), TABLES)
    assert process.wait_for_job(1, 0.2)
    process.interrupt()
    assert process.finish() != 0
    # No --unlock: an interrupted snakemake clears its own lock.
    check_mended(clone, reference)
    outcomes.append(Outcome("Ctrl-C", "evaluate", "snakemake, which unlocks", "recovered"))


@whole
def test_killed_snakemake_asks_for_an_unlock(
    clone: Path, reference: Path, outcomes: list[Outcome]
) -> None:
    process = Run(without_tables(clone), TABLES)
    assert process.wait_for_job(1, 0)
    process.kill("everything")
    process.finish()
    status, text = run(clone)
    assert status != 0
    assert "unlock" in text
    assert run(clone, "--unlock", *TABLES)[0] == 0
    check_mended(clone, reference)
    outcomes.append(Outcome("lock of a killed run", "next run", message_of(text), "refused"))


@whole
def test_an_orphan_of_another_configuration_publishes_nothing(
    clone: Path, reference: Path, tmp_path: Path, outcomes: list[Outcome]
) -> None:
    """Snakemake is killed and lives on as a job; meanwhile the configuration changes."""
    log = clone / "logs/test/evaluate.log"
    product = clone / PER_SEED
    change = tmp_path / "change.yaml"
    change.write_text("evaluation:\n  bin_width: 0.25\n")
    for _ in range(10):
        without_tables(clone)
        log.unlink(missing_ok=True)
        process = Run(clone, (*TABLES, str(change)))
        while not log.exists() and process.process.poll() is None:
            time.sleep(0.001)
        for job in process.jobs():
            job.suspend()
        if not product.exists():
            break
        # The job was faster: let it end, and start anew.
        for job in process.jobs():
            job.resume()
        process.finish()
        check_mended(clone, reference)
    else:
        pytest.skip("the job always ended before it could be held")
    process.kill("snakemake")
    process.wait()
    unlock(clone)
    assert run(clone)[0] == 0
    for job in process.jobs():
        job.resume()
    process.wait_for_orphans()
    process.stop()
    check_same(clone, reference)
    noticed = "the job itself: 'this job was started again', by its log"
    outcomes.append(
        Outcome("configuration changed, old job alive", "evaluate", noticed, "recovered")
    )


def damage(path: Path, how: str) -> None:
    """Damage a file in place, its time stamp kept, as a failing disk does."""
    stamp, content = path.stat(), bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) * 3 // 5]
    elif how == "emptied":
        content = bytearray()
    else:
        content[len(content) // 3] ^= 0b100
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


DAMAGED = [
    ("predictions/NN-Base/*.parquet", "bit flipped"),
    ("predictions/NN-Base/*.parquet", "truncated"),
    ("predictions/NN-Base/*.parquet", "emptied"),
    ("models/NN-Base/*.npz", "bit flipped"),
    ("models/NN-Base/*.npz", "truncated"),
    ("splits/target.parquet", "bit flipped"),
    ("splits/target.parquet", "truncated"),
]


def check_named(text: str, path: Path) -> None:
    """Check that the error names the file, and that the last lines name it again.

    Jobs that go on after a failure would bury it otherwise.
    """
    assert path.name in message_of(text), text[-3000:]
    last = text.rstrip().splitlines()[-6:]
    assert any(re.match(rf"failed: logs/.*{re.escape(path.name)}", line) for line in last), last


def test_a_damaged_catalogue_is_named(
    clone: Path, reference: Path, outcomes: list[Outcome]
) -> None:
    path = clone / RESULTS / "transferz/matched.parquet"
    for product in (*path.parent.glob("*"), *map(clone.joinpath, CATALOGUES)):
        if product != path:
            product.unlink()
    damage(path, "bit flipped")
    arguments = ("--cores", "1", *CATALOGUES, *CONFIG)
    status, text = run(clone, *arguments)
    assert status != 0
    check_named(text, path)
    # What the message advises.
    path.unlink()
    assert run(clone, *arguments)[0] == 0
    check_same(clone, reference)
    outcomes.append(
        Outcome("file bit flipped", str(path.relative_to(clone)), message_of(text), "refused")
    )


@whole
@pytest.mark.parametrize(("pattern", "how"), DAMAGED)
def test_a_damaged_intermediate_is_named(
    clone: Path, reference: Path, outcomes: list[Outcome], pattern: str, how: str
) -> None:
    path = sorted((clone / RESULTS).glob(pattern))[0]
    without_tables(clone)
    if "predictions" not in pattern:
        shutil.rmtree(clone / RESULTS / "predictions/NN-Base")
    damage(path, how)
    status, text = run(clone)
    assert status != 0, f"{how} {path} went unnoticed:\n{text[-3000:]}"
    check_named(text, path)
    if "predictions" in pattern:
        # What the message advises. Trainings are repeated after the kills: here, a copy is back.
        path.unlink()
    else:
        shutil.copy2(reference / path.relative_to(clone), path)
    check_mended(clone, reference)
    outcomes.append(
        Outcome(f"file {how}", str(path.relative_to(clone)), message_of(text), "refused")
    )


FLIPPED = ["splits/source.parquet"]
if not SHORT:
    FLIPPED += ["predictions/NN-Base/*.parquet", "models/NN-Base/*.npz"]


@pytest.mark.parametrize("pattern", FLIPPED)
def test_single_bits(
    reference: Path, tmp_path: Path, outcomes: list[Outcome], pattern: str
) -> None:
    """Of seeded single-bit flips anywhere in a file, none may change what is read unnoticed."""
    source = sorted((reference / RESULTS).glob(pattern))[0]
    original, rng = source.read_bytes(), np.random.default_rng(SEED)
    reader = read_weights if source.suffix == ".npz" else read_parquet
    expected = reader(source)
    path = tmp_path / source.name
    counts = {"detected": 0, "harmless": 0, "silently wrong": 0}
    for _ in range(FLIPS):
        content = bytearray(original)
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            found = reader(path)
            if isinstance(expected, dict):
                # Whoever reads a model asks for each array by its name.
                found = {name: found[name] for name in expected}
        except (InputError, ValueError, KeyError):
            counts["detected"] += 1
            continue
        counts["harmless" if same_content(found, expected) else "silently wrong"] += 1
    noticed = ", ".join(f"{count} {name}" for name, count in counts.items())
    where = f"{FLIPS} places in {source.relative_to(reference)}"
    wrong = "wrong" if counts["silently wrong"] else "refused"
    outcomes.append(Outcome("single bits flipped", where, noticed, wrong))
    assert counts["silently wrong"] == 0
    assert counts["detected"] > FLIPS / 2


def same_content(found: object, expected: object) -> bool:
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            np.array_equal(found[name], expected[name]) and found[name].dtype == array.dtype
            for name, array in expected.items()
        )
    return found.equals(expected) and list(found.columns) == list(expected.columns)


@whole
def test_a_deleted_intermediate_is_made_again(
    clone: Path, reference: Path, outcomes: list[Outcome]
) -> None:
    without_tables(clone)
    for path in (clone / RESULTS / "predictions/NN-Base").glob("*.parquet"):
        path.unlink()
    (clone / RESULTS / "splits/source.parquet").unlink()
    check_mended(clone, reference)
    outcomes.append(
        Outcome("intermediate deleted", "splits, predictions", "snakemake", "recovered")
    )


@whole
def test_a_clock_that_goes_backwards(clone: Path, reference: Path, outcomes: list[Outcome]) -> None:
    tomorrow = time.time() + 86_400
    for path in (clone / RESULTS).glob("splits/*.parquet"):
        os.utime(path, (tomorrow, tomorrow))
    without_tables(clone)
    check_mended(clone, reference)
    outcomes.append(
        Outcome("clock set back", "inputs from the future", "checksums of snakemake", "recovered")
    )


@whole
def test_lost_metadata(clone: Path, reference: Path, outcomes: list[Outcome]) -> None:
    shutil.rmtree(clone / ".snakemake")
    without_tables(clone)
    check_mended(clone, reference)
    outcomes.append(Outcome(".snakemake deleted", "between runs", "nothing", "recovered"))


@whole
def test_a_file_size_limit(clone: Path, reference: Path, outcomes: list[Outcome]) -> None:
    """A quota hits the job in the middle of its product. Snakemake's own files would be hit first:
    the job runs alone."""
    table = pd.read_csv(clone / PER_SEED)
    limit = (clone / PER_SEED).stat().st_size // 2
    settings = {
        "strategies": sorted(set(table["strategy"])),
        "seeds": sorted(map(int, set(table["seed"]))),
        "ranges": {
            "z_range": (0.3, 1.5),
            "full_range": (0.0, 10.0),
            "bin_width": 0.1,
            "bin_z_max": 4.0,
            "bin_min_galaxies": 30,
        },
    }
    without_tables(clone)
    predictions = sorted(map(str, clone.glob(f"{RESULTS}/predictions/*/*.parquet")))
    code = (
        "import resource\nfrom scripts.evaluation import evaluate\n"
        "from transferz.core.logs import job\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"with job({str(clone / 'limit.log')!r}):\n"
        f"    evaluate.main({predictions!r}, {str(clone / PER_SEED)!r}, **{settings!r})\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone / "workflow",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert finished.returncode == 1
    assert "File too large" in finished.stderr
    assert not (clone / PER_SEED).exists()
    assert leftovers(clone) == []
    check_mended(clone, reference)
    noticed = message_of(finished.stderr).replace(f"{clone}/", "")
    outcomes.append(Outcome("file size limit", str(PER_SEED), noticed, "refused"))


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """Mount something, or skip where that is not allowed; unmount at the end."""
    places: list[Path] = []

    def mount(*arguments: str, at: Path) -> None:
        command = ["mount", *arguments, str(at)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        if "remount" not in ",".join(arguments):
            places.append(at)

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", str(place)], check=False)


@whole
@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
def test_a_full_disk(
    clone: Path, reference: Path, outcomes: list[Outcome], mounted: Callable[..., None]
) -> None:
    """The results lie on a file system that has room for half of the next product."""
    size = (clone / PER_SEED).stat().st_size
    without_tables(clone)
    results = clone / RESULTS
    kept = results.with_name("kept")
    results.rename(kept)
    results.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=results)
    shutil.copytree(kept, results, dirs_exist_ok=True)
    filler = clone / RESULTS / "filler"
    free = shutil.disk_usage(results).free
    filler.write_bytes(bytes(free - size // 2))
    status, text = run(clone)
    assert status != 0
    assert "No space left on device" in text
    assert not (clone / PER_SEED).exists()
    filler.unlink()
    check_mended(clone, reference)
    outcomes.append(Outcome("disk full", "metrics/per_seed.csv", message_of(text), "refused"))


@whole
@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command")
def test_read_only_results(
    clone: Path, reference: Path, outcomes: list[Outcome], mounted: Callable[..., None]
) -> None:
    without_tables(clone)
    results = clone / RESULTS
    mounted("--bind", str(results), at=results)
    mounted("-o", "remount,ro,bind", at=results)
    status, text = run(clone)
    assert status != 0
    assert "Read-only file system" in text
    mounted("-o", "remount,rw,bind", at=results)
    check_mended(clone, reference)
    outcomes.append(Outcome("read-only results", str(RESULTS), message_of(text), "refused"))
