# Helpers that the rules share: wildcard constraints, the hash that re-runs a rule when code it
# depends on changes, the checked configuration, chunks of seeds.

import ast
import functools
import glob
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalSourceFile

# Native libraries announce themselves before a script's log is open: keep that off the terminal.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


# The rooms of the package: one for each stage, and what all of them use.
ROOMS = (
    *(
        "core",
        "settings",
        "survey",
        "catalogues",
        "release",
        "networks",
        "evaluation",
        "uncertainty",
    ),
    *("photo_z", "peers", "spectra", "images", "report", "run"),
)


wildcard_constraints:
    strategy=r"[A-Za-z0-9][A-Za-z0-9_.+-]*",
    chunk=r"\d+-\d+",
    calibrated_on=r"source|target|combo",


# --------------------------------------------------------------------------------- code hash


@functools.cache
def code_hash(script, environment):
    """Return a hash over a rule's script, all package modules it imports, and its environment.

    Snakemake re-runs a rule when its script changes, not when a module does that the script
    imports. Every rule passes this hash as a param; an edit re-runs what depends on it, and
    nothing else. Fetching each file through `source_path` also brings the package along when
    the workflow is deployed from a remote repository. `environment` names the file in envs/ with
    the versions of the packages, which the lock has too: with another TensorFlow, networks are
    trained again.
    """
    digest = hashlib.sha256(fetch_source(f"../envs/{environment}.yaml"))
    for name, source in with_imports(f"scripts/{script}.py"):
        digest.update(hashlib.sha256(source).digest() + name.encode())
    return digest.hexdigest()[:16]


def with_imports(name):
    """Yield name and bytes of a file below workflow/ and of all package files that it needs."""
    pending, seen = [name], set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            source = fetch_source(name)
            yield name, source
            if name.endswith(".py"):
                pending.extend(package_files(name, source))


@functools.cache
def fetch_source(name):
    """Return the bytes of a file below workflow/."""
    with open(workflow.source_path(f"../../{name}"), "rb") as handle:
        return handle.read()


# To parse these statements alone is ten times as fast; tests/unit/run/test_house.py knows them too.
NEEDS = re.compile(
    rb"^[ \t]*((?:from transferz\S* import |import transferz|DATA_FILES = )(?:[(\[][^)\]]*[)\]]|.*))",
    re.MULTILINE,
)


@functools.cache
def package_files(name, source):
    """Return, sorted, the package files that a module needs: imports, and its DATA_FILES.

    Modules lie in the rooms of the package, `transferz/{room}/{module}.py`, or beside them.
    """
    modules, files = set(), set()
    for node in ast.parse(b"\n".join(NEEDS.findall(source))).body:
        if isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            is_package = (
                origin == "transferz" or origin.removeprefix("transferz.") in ROOMS
            )
            words = [alias.name for alias in node.names if alias.name[0] != "_"]
            names = [f"{origin}.{word}" for word in words]
            modules.update(names if is_package else [origin])
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "DATA_FILES"
            for target in node.targets
        ):
            folder = PurePosixPath(name).parent
            files.update(str(folder / file) for file in ast.literal_eval(node.value))
    for dotted in modules:
        parts = dotted.split(".")
        if parts[0] == "transferz":
            stem = PurePosixPath(*parts)
            files.add(f"{stem}.py")
            files.update(f"{folder}/__init__.py" for folder in stem.parents[:-1])
    return sorted(files)


def package_folder():
    """Return the folder that holds the package: workflow/ of this Snakefile.

    A deployed workflow has it in Snakemake's cache of sources, which keeps the tree of the
    repository; for a local one that cache is flat.
    """
    file = workflow.current_basedir.join("../../transferz/__init__.py")
    if not isinstance(file, LocalSourceFile):
        return str(Path(workflow.sourcecache.get_path(file)).parents[1])
    return str(Path(file.get_path_or_uri(secret_free=True)).resolve().parents[1])


# Snakemake hands the folders of its own path on to every script, also on a cluster. First, for the
# sake of this process: an installed transferz is another version.
PACKAGE_FOLDER = package_folder()
sys.path.insert(0, PACKAGE_FOLDER)


# ---------------------------------------------------------------------------- configuration


# Brings the settings along when the workflow is deployed from a remote repository.
dict(with_imports("transferz/settings/loader.py"))

from transferz.settings import loader
from transferz.settings.params import brief


def checked_config(config):
    """Return `config` with defaults filled in, or stop with one line per mistake."""
    try:
        return loader.checked(config)
    except loader.ConfigurationError as error:
        files = ", ".join(str(path) for path in workflow.configfiles) or "--config"
        raise WorkflowError(f"Configuration ({files}):\n  {error}") from None


# ---------------------------------------------------------------------- seeds and strategies


def seed_chunks(count=None):
    """Return the chunks of seeds, one training job each, as `first-last` with three digits.

    Of all seeds of the run, or of the first `count`.
    """
    seeds, chunks = config["seeds"], []
    first, count = seeds["first"], count or seeds["count"]
    for size in chunk_sizes(count, seeds["per_job"], config["device"]):
        chunks.append(f"{first:03d}-{first + size - 1:03d}")
        first += size
    return chunks


def chunk_sizes(count, per_job, device="cpu"):
    """Return the number of seeds of each training job of a strategy.

    `auto` makes four equal jobs (on a GPU one) for every hundred seeds begun, or fewer, so that
    none has less than five seeds: the start of TensorFlow is then a small part of a job. The
    number of cores has no say. File names carry the chunk, and a run begun on a laptop would
    start again on a cluster.
    """
    if per_job != "auto":
        return [min(per_job, count - done) for done in range(0, count, per_job)]
    hundreds = -(-count // 100)
    jobs = max(1, min(hundreds * (1 if device == "gpu" else 4), count // 5))
    return [count // jobs + (k < count % jobs) for k in range(jobs)]


def per_chunk(pattern, strategies=None):
    """Return `pattern` for every strategy and chunk of seeds."""
    names = list(config["strategies"]) if strategies is None else strategies
    return expand(pattern, strategy=names, chunk=seed_chunks())


def entry_of(name):
    """Return the entry of a strategy or an ensemble."""
    return (config["strategies"] | config["ensembles"])[name]


def calibrated():
    """Return the names of all that is calibrated: strategies, then ensembles."""
    return [*config["strategies"], *config["ensembles"]]


def models_of(name):
    """Return the model files of all seeds of a strategy or an ensemble."""
    chunks = seed_chunks(entry_of(name).get("seeds"))
    return expand(
        "<results>/models/{strategy}/seeds-{chunk}.npz", strategy=name, chunk=chunks
    )


def ensemble_files(suffix):
    """Return the models of all ensembles, or the files beside them with another suffix."""
    models = [path for name in config["ensembles"] for path in models_of(name)]
    return [path.removesuffix(".npz") + suffix for path in models]


def models(wildcards):
    """Return `models_of` the strategy of a job."""
    return models_of(wildcards.strategy)


def settings_of(strategy, section):
    """Return `network` or `training` of a strategy, its overrides applied."""
    entry = entry_of(strategy)
    settings = {key: entry.get(key, value) for key, value in config[section].items()}
    return brief(settings, f"{section} of {strategy}")


def strategy_settings(section):
    """Return `settings_of` the strategy of a job, as a params function."""
    return lambda wildcards: settings_of(wildcards.strategy, section)


def needed_magnitude():
    """Return what a galaxy must have in every band: `mag`, or `asinh` where nothing reads `mag`."""
    inputs = [
        template
        for name in calibrated()
        for template in settings_of(name, "network")["inputs"]
    ]
    return "mag" if any("mag_" in template for template in inputs) else "asinh"


def class_strategies():
    """Return the strategies whose networks give a distribution over classes of redshift."""
    return [
        name for name in config["strategies"] if settings_of(name, "network")["head"]
    ]


def epoch_limits():
    """Return the limit of epochs of each strategy."""
    return {
        name: settings_of(name, "training")["max_epochs"]
        for name in config["strategies"]
    }


def training_logs():
    """Return the logs of the training jobs, whose last lines have their seconds."""
    logs = config["pathvars"]["logs"]
    return per_chunk(f"{logs}/train/{{strategy}}/seeds-{{chunk}}.log")


def all_seeds():
    """Return the seeds of this run: a range, which prints short as a param."""
    first = config["seeds"]["first"]
    return range(first, first + config["seeds"]["count"])


def chunk_seeds(wildcards):
    """Return the seeds of a chunk."""
    first, last = map(int, wildcards.chunk.split("-"))
    return range(first, last + 1)


def start_model(wildcards):
    """Return the models that a strategy starts from, for the same seeds; none for most."""
    parent = entry_of(wildcards.strategy).get("start_from")
    return f"<results>/models/{parent}/seeds-{wildcards.chunk}.npz" if parent else []


def unchanged_split(wildcards):
    """Return the split table that a strategy is trained on, or on a changed sample of which."""
    return f"<results>/splits/{entry_of(wildcards.strategy)['train_on']}.parquet"


def training_split(wildcards):
    """Return the table that a strategy is trained on: a split table, or a changed sample."""
    if entry_of(wildcards.strategy).get("sample"):
        return f"<results>/samples/{wildcards.strategy}.parquet"
    return unchanged_split(wildcards)


def roles():
    """Return the data sets of this run: the target first, where there is one."""
    if config["survey"] == "custom":
        return [role for role in ("target", "source") if role in config["custom"]]
    return ["target", "source"]


def samples():
    """Return the split tables of this run: its data sets, and both at once where there are two."""
    return [*roles(), *target_file(["combo"])]


def target_file(path):
    """Return what needs a target, a file or some, or nothing in a run of one catalogue."""
    return path if "target" in roles() else []


def described_catalogue(wildcards):
    """Return the description of one of the user's catalogues."""
    return config["custom"][wildcards.role]


def described_path(wildcards):
    """Return the file of one of the user's catalogues, or the files of a pattern."""
    return named_files(described_catalogue(wildcards)["path"])


def described_bytes(wildcards):
    """Return `known_by` of one of the user's catalogues."""
    return known_by(described_catalogue(wildcards)["path"])


def input_files():
    """Return the catalogues that this run begins with."""
    if config["survey"] == "custom":
        return [named_files(config["custom"][role]["path"]) for role in roles()]
    files = config["inputs"]
    return [files["cosmos2020"], files["hsc"], *files["galaxiesml"].values()]


def catalogue(role):
    """Return the catalogue table that is the `source` or the `target` of this run."""
    if config["survey"] == "custom":
        return f"<results>/catalogues/{role}.parquet"
    return {
        "source": "<results>/transferz/transferz.parquet",
        "target": "<results>/catalogues/galaxiesml.parquet",
    }[role]


def cutflow(role):
    """Return the cut flow of the catalogue that is the `source` or the `target` of this run."""
    if config["survey"] == "custom":
        return f"<results>/catalogues/{role}_cutflow.csv"
    return {
        "source": "<results>/transferz/cutflow.csv",
        "target": "<results>/catalogues/galaxiesml_cutflow.csv",
    }[role]


def redshift_kinds():
    """Return the kind of redshift, `photo_z` or `spec_z`, of the source and the target."""
    if config["survey"] == "custom":
        return {role: config["custom"][role]["truth"] for role in sorted(roles())}
    return {"source": "photo_z", "target": "spec_z"}


def input_names():
    """Return the display names of the catalogues that the source data set is made from."""
    if config["survey"] == "custom":
        return [config["custom"]["source"]["source"]]
    catalogues = config["catalogues"]
    return [
        f"COSMOS2020 {catalogues['cosmos2020']}",
        f"HSC {catalogues['hsc'].upper()}",
    ]


def target_name():
    """Return the display name of the catalogue that is the target data set."""
    if config["survey"] == "custom":
        return config["custom"].get("target", {}).get("source")
    return "GalaxiesML"


def project_file(name):
    """Return a file of the project: the one in the working directory, or that of this Snakefile."""
    return name if Path(name).is_file() else workflow.source_path(f"../../../{name}")


# ---------------------------------------------------------------------------- files of the user


PATHVARS = workflow.pathvars


def named_files(path):
    """Return the file or folder that a path of the user's names, or the files of a pattern."""
    path = PATHVARS.apply(path)
    found = [] if os.path.exists(path) else sorted(glob.glob(path, recursive=True))
    return found or path


def known_by(path):
    """Return what changes when files of the user's are replaced, also by older ones.

    Snakemake takes notice of files that are newer; one that `cp -p` brought may be older. So this is
    a param wherever such files are an input. Files of less than 1 MB are known by their bytes, as
    in Snakemake itself, others by size and date. None of what a rule makes, or is not there yet, and
    where no path is named.
    """
    if not path:
        return None
    names = named_files(path)
    names = [names] if isinstance(names, str) else names
    if any(each.is_producer(name) for each in workflow.rules for name in names):
        return None
    parts = [
        part
        for name in map(Path, names)
        for part in (sorted(name.rglob("*")) if name.is_dir() else [name])
        if part.is_file()
    ]
    digest = hashlib.sha256()
    for part in parts:
        size, date = part.stat().st_size, part.stat().st_mtime_ns
        content = part.read_bytes() if size < 10**6 else f"{size} {date}".encode()
        digest.update(f"{part}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16] if parts else None


# ------------------------------------------------------------------------------------ failures


BEGIN = time.time()


def failed_jobs(logs):
    """Return the lines to end a failed run with: each failed job's log and its last error.

    Other jobs may go on for hours after a failure, and what they print stands below it. `logs` are
    Snakemake's own.
    """
    text = "".join(Path(path).read_text(encoding="utf-8") for path in logs)
    found, name = {}, None
    for failed, path in re.findall(
        r"^(?:Error in rule\s(\w+):| +log: (\S+) \(check log)", text, re.MULTILINE
    ):
        name = failed or name
        if path and path not in found:
            found[path] = f"failed: {path}: {last_error(path) or import_error(name)}\n"
    return list(found.values())


def last_error(path):
    """Return the last error in the log of a job of this run; empty if there is none."""
    file = Path(path)
    if not file.is_file() or file.stat().st_mtime < BEGIN:
        return ""
    errors = re.findall(
        r" ERROR .*|^Fatal Python error.*|^terminate called.*",
        file.read_text(encoding="utf-8", errors="replace"),
        re.MULTILINE,
    )
    return errors[-1].rpartition("ERROR ")[2] if errors else ""


def import_error(name):
    """Return what stops the script of a job before its log is open, or that nothing does."""
    try:
        job = workflow.get_rule(name)
        script = job.basedir.join(job.script).get_path_or_uri(secret_free=True)
    except (AttributeError, TypeError, WorkflowError):
        script = os.devnull
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2])"
    tried = subprocess.run(
        [sys.executable, "-c", code, PACKAGE_FOLDER, script],
        capture_output=True,
        text=True,
    )
    if tried.returncode:
        return tried.stderr.strip().rpartition("\n")[2]
    return "ended without a message: killed, or out of memory"


# -------------------------------------------------------------------------------- provenance


@functools.cache
def git_revision():
    """Return the revision of the workflow, with `-dirty` for uncommitted edits, or `unknown`."""
    command = [
        "git",
        "-C",
        workflow.basedir,
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
    ]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return finished.stdout.strip() or "unknown"


# -------------------------------------------------------------------------- cores and memory


def request(base, per_input=0):
    """Return a resources function: `base`, and `per_input` for each MB of input, times the attempt.

    For `mem_mb` in MB and for `runtime` in minutes. Measured in the default run, with room for
    Snakemake's own 250 MB beside a job on a cluster.
    """

    def amount(wildcards, input, attempt):
        # Inside a group the size of an input is not known beforehand, and the request is lost.
        size = input.size_mb if per_input else 0
        return int(attempt * (base + per_input * size))

    return amount


def train_minutes(wildcards, input, attempt):
    """Return the minutes to ask for one training job: twice what slow cores took, ten at least.

    A MB of a split table has up to 5,000 training rows, a million rows seen take up to 10 s, and
    training ends, if not at max_epochs, within about twenty times patience. Should it not, the
    next attempt goes on from the checkpoint.
    """
    training = settings_of(wildcards.strategy, "training")
    epochs = training["max_epochs"]
    if training["patience"] is not None:
        epochs = min(epochs, 20 * training["patience"])
    million_rows = len(chunk_seeds(wildcards)) * epochs * 0.005 * input.size_mb
    return int(attempt * (10 + 2 * 10 / 60 * million_rows))


def machine_memory():
    """Return 90% of the memory of this machine, in MB: what its jobs may take together."""
    return int(0.9e-6 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# On one machine Snakemake counts cores; let it count memory too, unless --resources says how much.
if workflow.is_main_process and workflow.local_exec:
    workflow.global_resources.setdefault("mem_mb", machine_memory())
