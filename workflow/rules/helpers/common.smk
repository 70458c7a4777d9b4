# Helpers that the rules share. Configuration checked into one clear message, wildcard constraints,
# chunks of seeds, and the hash that re-runs a rule when code it depends on changes.

import ast
import difflib
import functools
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import jsonschema
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalSourceFile
from snakemake.utils import validate

# Native libraries announce themselves before a script's log is open: keep that off the terminal.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


# The rooms of the package: one for each stage, and what all of them use.
ROOMS = (
    *(
        "core",
        "survey",
        "catalogues",
        "release",
        "networks",
        "evaluation",
        "uncertainty",
    ),
    *("photo_z", "spectra", "report", "run"),
)


wildcard_constraints:
    strategy=r"[A-Za-z0-9][A-Za-z0-9_.+-]*",
    chunk=r"\d+-\d+",
    calibrated_on=r"source|target|combo",


# ---------------------------------------------------------------------------- configuration


def checked_config(config):
    """Return `config` with defaults filled in, or stop with one line per mistake."""
    schema_path = workflow.source_path("../../schemas/config.schema.yaml")
    with open(schema_path, encoding="utf-8") as handle:
        schema = yaml.safe_load(handle)
    problems = renamed_problems(config) or schema_problems(
        config, jsonschema.Draft202012Validator(schema)
    )
    if not problems:
        validate(config, schema_path)
        # An overlay switches a published strategy off by setting it to null; its own come first in
        # the merged mapping, but last in tables and figures.
        published = ("NN-Base", "NN-TL", "NN-Combo")
        names = sorted(config["strategies"], key=lambda name: name not in published)
        config["strategies"] = {
            name: config["strategies"][name]
            for name in names
            if config["strategies"][name] is not None
        }
        problems = cross_key_problems(config)
    if problems:
        files = ", ".join(str(path) for path in workflow.configfiles) or "--config"
        raise WorkflowError(f"Configuration ({files}):\n  " + "\n  ".join(problems))
    return config


# Keys, and values of keys, that were called otherwise once: old to new. A star is any entry.
RENAMED = {
    "labels.transferz": "labels.source",
    "labels.galaxiesml": "labels.target",
    "custom.transferz": "custom.source",
    "custom.galaxiesml": "custom.target",
    "splits.method.transferz": "splits.method.source",
    "splits.method.galaxiesml": "splits.method.target",
    "strategies.*.train_on: transferz": "source",
    "strategies.*.train_on: galaxiesml": "target",
    "predict.calibrated_on: transferz": "source",
    "predict.calibrated_on: galaxiesml": "target",
    "figures.literature.*.dataset: transferz": "source",
    "figures.literature.*.dataset: galaxiesml": "target",
}


def renamed_problems(config):
    """Return one line for each key or value that has another name now."""
    problems = []
    for old, new in RENAMED.items():
        path, _, value = old.partition(": ")
        for place, found in entries(config, path.split(".")):
            if not value:
                problems.append(f"{place}: found an old name, expected {new}")
            elif found == value:
                problems.append(
                    f"{place}: found the old name '{value}', expected '{new}'"
                )
    return problems


def entries(config, path, place=()):
    """Yield name and value of each entry of `config` under `path`, whose stars are any key."""
    if not path:
        yield ".".join(place), config
    elif isinstance(config, dict):
        for key in config if path[0] == "*" else {path[0]} & set(config):
            yield from entries(config[key], path[1:], (*place, str(key)))


def schema_problems(config, validator):
    """Return one line for each mistake that the schema knows of, in the order of the keys."""
    errors = sorted(
        validator.iter_errors(config), key=lambda error: list(map(str, error.path))
    )
    # What is of the wrong type breaks the limits too, and may break two forms of a key.
    mistyped = {tuple(error.path) for error in errors if error.validator == "type"}
    lines = (
        line
        for error in errors
        if error.validator == "type" or tuple(error.path) not in mistyped
        for line in describe_error(error)
    )
    return list(dict.fromkeys(lines))


TYPES_IN_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}

LIMITS_IN_WORDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "a list of at least {}",
    "maxItems": "a list of at most {}",
    "minLength": "text of at least {} characters",
    "minProperties": "at least {} entries",
    "uniqueItems": "each entry once",
    "const": "{}",
    "not": "another name",
}


def describe_error(error):
    """Yield one line for each mistake behind a jsonschema error: key, found, expected, meaning."""
    place = ".".join(str(part) for part in error.absolute_path) or "top level"
    wanted = error.validator_value
    meaning = error.schema.get("description", "")
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        for key in sorted(set(map(str, error.instance)) - set(known)):
            hint = did_you_mean(key, known) or f"known keys: {', '.join(known)}"
            yield f"{place}: unknown key '{key}'; {hint}"
        return
    if error.validator == "required":
        for key in (key for key in wanted if key not in error.instance):
            entry = error.schema.get("properties", {}).get(key, {})
            text = f" ({entry['description']})" if "description" in entry else ""
            yield f"{place}: '{key}' is missing{text}; add it (see config/README.md)"
        return
    if error.validator in ("oneOf", "anyOf"):
        branches = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        # Meant is the form whose type fits; of several that fit, one of them is enough.
        meant = [
            inners
            for inners in branches.values()
            if all(
                inner.validator not in ("type", "const") or inner.path
                for inner in inners
            )
        ]
        if len(meant) == 1:
            for inner in meant[0]:
                yield from describe_error(inner)
            return
        forms = dict.fromkeys(
            (
                f"'{inner.validator_value[0]}'"
                if inner.validator == "required"
                else expectation(inner)
            )
            for inner in error.context
        )
        expected = " or ".join(forms)
    else:
        expected = expectation(error)
    found = f"{error.instance!r}"
    found = found if len(found) <= 80 else f"{found[:77]}..."
    yield f"{place}: found {found}, expected {expected}" + (
        f" ({meaning})" if meaning else ""
    )


def expectation(error):
    """Return in words what a value should be that a keyword of the schema refused."""
    wanted = error.validator_value
    if error.validator == "type":
        names = [wanted] if isinstance(wanted, str) else wanted
        return " or ".join(TYPES_IN_WORDS[name] for name in names)
    if error.validator == "enum":
        known = list(map(str, wanted))
        hint = did_you_mean(str(error.instance), known)
        return f"one of {', '.join(known)}" + (f"; {hint}" if hint else "")
    if error.validator == "pattern":
        # The schema says in a comment what its pattern means.
        return error.schema.get("$comment", f"text of the form {wanted}")
    return LIMITS_IN_WORDS.get(error.validator, error.message).format(wanted)


def did_you_mean(name, known):
    """Return a question with the name that is close to `name`; nothing if none is."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""


def cross_key_problems(config):
    """Return one line for each contradiction between keys that a schema cannot express."""
    problems = []
    strategies = config["strategies"]
    for name, entry in strategies.items():
        seen, parent = {name}, entry.get("start_from")
        problems.extend(layer_problems(name, entry, config))
        while parent is not None:
            if parent not in strategies:
                problems.append(
                    f"strategies.{name}.start_from: found '{parent}', expected one of "
                    f"{', '.join(strategies)}"
                )
                break
            if parent in seen:
                problems.append(
                    f"strategies.{name}.start_from: the chain comes back to '{parent}'"
                )
                break
            seen.add(parent)
            parent = strategies[parent].get("start_from")
    if config["survey"] == "custom" and config["custom"] is None:
        problems.append(
            "custom: found nothing, expected two catalogues, because survey is custom; see "
            "config/examples/des_cosmos.yaml"
        )
    if config["survey"] == "archive" and "embedded" in config["pathvars"]["resources"]:
        problems.append(
            "pathvars.resources: found the folder of the simulated catalogues, expected another one, "
            "because survey is archive; see config/archive.yaml"
        )
    if abs(sum(config["splits"]["fractions"].values()) - 1) > 1e-6:
        problems.append(
            f"splits.fractions: found a sum of {sum(config['splits']['fractions'].values()):g}, "
            "expected 1"
        )
    unknown = set(config["labels"]) - {"source", "target", *strategies}
    for name in sorted(unknown):
        problems.append(
            f"labels: unknown key '{name}'; known keys: source, target, "
            f"{', '.join(strategies)}"
        )
    for pair in config["evaluation"]["comparisons"]:
        for name in sorted(set(pair) - set(strategies)):
            problems.append(
                f"evaluation.comparisons: found '{name}', expected one of {', '.join(strategies)}"
            )
    if config["predict"]["strategy"] not in strategies:
        problems.append(
            f"predict.strategy: found '{config['predict']['strategy']}', expected one of "
            f"{', '.join(strategies)}"
        )
    if not strategies:
        problems.append(
            "strategies: none left; keep at least one entry that is not null"
        )
    low, high = config["evaluation"]["z_range"]
    if not low < high:
        problems.append(
            f"evaluation.z_range: found [{low}, {high}], expected low < high"
        )
    if config["figures"]["figure2_seed"] is not None:
        last = config["seeds"]["first"] + config["seeds"]["count"] - 1
        if not config["seeds"]["first"] <= config["figures"]["figure2_seed"] <= last:
            problems.append(
                f"figures.figure2_seed: found {config['figures']['figure2_seed']}, expected a seed "
                f"of this run, {config['seeds']['first']} to {last}"
            )
    return problems


def layer_problems(name, entry, config):
    """Return one line for each contradiction between a strategy, its layers and its parent."""
    problems = []
    parent = config["strategies"].get(entry.get("start_from")) or {}
    for key in ("inputs", "hidden", "activation", "skip"):
        own, other = (each.get(key, config["network"][key]) for each in (entry, parent))
        if entry.get("start_from") in config["strategies"] and own != other:
            problems.append(
                f"strategies.{name}.{key}: found {own}, expected {other} as in "
                f"{entry['start_from']}, which it starts from"
            )
    own, other = (
        each.get("head", config["network"]["head"]) or {} for each in (entry, parent)
    )
    for key in ("bins", "z_max"):
        if parent and own.get(key) != other.get(key):
            problems.append(
                f"strategies.{name}.head.{key}: found {own.get(key)}, expected {other.get(key)} as "
                f"in {entry['start_from']}, which it starts from"
            )
    if own and not own.get("cross_entropy", 0) + own.get("jensen_shannon", 0) > 0:
        problems.append(
            f"strategies.{name}.head: found no loss, expected a weight of cross_entropy or "
            "jensen_shannon above 0"
        )
    if entry.get("low_rank") and "start_from" not in entry:
        problems.append(
            f"strategies.{name}.low_rank: found {entry['low_rank']} without start_from; a "
            "correction needs a network to correct"
        )
    trainable = entry.get("trainable", config["training"]["trainable"])
    n_hidden = len(entry.get("hidden", config["network"]["hidden"]))
    layers = [*(f"hidden_{k}" for k in range(1, n_hidden + 1)), "redshift"]
    unknown = [] if isinstance(trainable, str) else sorted(set(trainable) - set(layers))
    if unknown:
        problems.append(
            f"strategies.{name}.trainable: found {', '.join(unknown)}, expected all or some of "
            f"{', '.join(layers)}"
        )
    return problems


# ---------------------------------------------------------------------- seeds and strategies


def seed_chunks():
    """Return the chunks of seeds, one training job each, as `first-last` with three digits."""
    seeds, chunks = config["seeds"], []
    first = seeds["first"]
    for size in chunk_sizes(seeds["count"], seeds["per_job"], config["device"]):
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


def settings_of(strategy, section):
    """Return `network` or `training` of a strategy, its overrides applied."""
    entry = config["strategies"][strategy]
    return {key: entry.get(key, value) for key, value in config[section].items()}


def strategy_settings(section):
    """Return `settings_of` the strategy of a job, as a params function."""
    return lambda wildcards: settings_of(wildcards.strategy, section)


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


def all_seeds():
    """Return the seeds of this run."""
    first = config["seeds"]["first"]
    return list(range(first, first + config["seeds"]["count"]))


def chunk_seeds(wildcards):
    """Return the seeds of a chunk."""
    first, last = map(int, wildcards.chunk.split("-"))
    return list(range(first, last + 1))


def start_model(wildcards):
    """Return the models that a strategy starts from, for the same seeds; none for most."""
    parent = config["strategies"][wildcards.strategy].get("start_from")
    return f"<results>/models/{parent}/seeds-{wildcards.chunk}.npz" if parent else []


def training_split(wildcards):
    """Return the split table that a strategy is trained on."""
    return f"<results>/splits/{config['strategies'][wildcards.strategy]['train_on']}.parquet"


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


def input_names():
    """Return the display names of the catalogues that the source data set is made from."""
    if config["survey"] == "custom":
        return [config["custom"]["source"]["source"]]
    catalogues = config["catalogues"]
    return [
        f"COSMOS2020 {catalogues['cosmos2020']}",
        f"HSC {catalogues['hsc'].upper()}",
    ]


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
    pending, seen = [f"scripts/{script}.py"], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        source = fetch_source(name)
        digest.update(hashlib.sha256(source).digest() + name.encode())
        if name.endswith(".py"):
            pending.extend(package_files(name, source))
    return digest.hexdigest()[:16]


@functools.cache
def fetch_source(name):
    """Return the bytes of a file below workflow/."""
    with open(workflow.source_path(f"../../{name}"), "rb") as handle:
        return handle.read()


@functools.cache
def package_files(name, source):
    """Return, sorted, the package files that a module needs: imports, and its DATA_FILES.

    Modules lie in the rooms of the package, `transferz/{room}/{module}.py`, or beside them.
    """
    modules, files = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            is_package = (
                origin == "transferz" or origin.removeprefix("transferz.") in ROOMS
            )
            names = [f"{origin}.{alias.name}" for alias in node.names]
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
            files.add("/".join(parts) + ".py")
            files.update(
                "/".join(parts[:depth]) + "/__init__.py"
                for depth in range(1, len(parts))
            )
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


# Snakemake hands the folders of its own path on to every script, also on a cluster.
sys.path.append(package_folder())


# ------------------------------------------------------------------------------------ failures


def failed_jobs(logs):
    """Return the lines to end a failed run with: each failed job's log and its last error.

    Other jobs may go on for hours after a failure, and what they print stands below it. `logs` are
    Snakemake's own.
    """
    text = "".join(Path(path).read_text(encoding="utf-8") for path in logs)
    lines = []
    for path in dict.fromkeys(
        re.findall(r"^    log: (\S+) \(check log", text, re.MULTILINE)
    ):
        file = Path(path)
        words = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        errors = [line.rpartition("ERROR ")[2] for line in words if " ERROR " in line]
        last = (
            errors[-1]
            if errors
            else "ended without a message: killed, or out of memory"
        )
        lines.append(f"failed: {path}: {last}\n")
    return lines


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
    epochs = min(training["max_epochs"], 20 * training["patience"])
    million_rows = len(chunk_seeds(wildcards)) * epochs * 0.005 * input.size_mb
    return int(attempt * (10 + 2 * 10 / 60 * million_rows))


def machine_memory():
    """Return 90% of the memory of this machine, in MB: what its jobs may take together."""
    return int(0.9e-6 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# On one machine Snakemake counts cores; let it count memory too, unless --resources says how much.
if workflow.is_main_process and workflow.local_exec:
    workflow.global_resources.setdefault("mem_mb", machine_memory())
