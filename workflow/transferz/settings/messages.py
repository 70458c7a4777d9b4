"""Mistakes in a configuration, one line each: file and key, found, expected, meaning."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

import jsonschema

# Keys, and values of keys, that were called otherwise once: old to new. A star is any entry.
RENAMED = {
    "calibration": "uncertainty",
    "benchmark": "run.training_benchmark",
    "catalogue_benchmark": "run.catalogue_benchmark",
    "labels.transferz": "labels.source",
    "labels.galaxiesml": "labels.target",
    "custom.transferz": "custom.source",
    "custom.galaxiesml": "custom.target",
    "splits.method.transferz": "splits.method.source",
    "splits.method.galaxiesml": "splits.method.target",
    "splits.identity.common_ids": "splits.identity.one_release",
    "strategies.*.train_on: transferz": "source",
    "strategies.*.train_on: galaxiesml": "target",
    "predict.calibrated_on: transferz": "source",
    "predict.calibrated_on: galaxiesml": "target",
    "diagnostics.forest.trees": "n_estimators",
    "diagnostics.forest.min_leaf": "min_samples_leaf",
    "figures.literature.*.dataset: transferz": "source",
    "figures.literature.*.dataset: galaxiesml": "target",
}


def renamed_problems(config: dict) -> list[str]:
    """Return one line for each key or value that has another name now."""
    problems = []
    for old, new in RENAMED.items():
        path, _, value = old.partition(": ")
        for place, found in entries(config, path.split(".")):
            if not value:
                problems.append(f"{place}: found an old name, expected {new}")
            elif found == value:
                problems.append(f"{place}: found the old name '{value}', expected '{new}'")
    return problems


def entries(config: object, path: list[str], place: str = "") -> Iterator[tuple[str, object]]:
    """Yield name and value of each entry of `config` under `path`, whose stars are any key."""
    if not path:
        yield place.removeprefix("."), config
    elif isinstance(config, dict):
        for key in config if path[0] == "*" else {path[0]} & set(config):
            yield from entries(config[key], path[1:], f"{place}.{key}")


def schema_problems(config: dict, validator: jsonschema.protocols.Validator) -> list[str]:
    """Return one line for each mistake that the schema knows of, in the order of the keys."""
    errors = sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.path)))
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


def describe_error(error: jsonschema.ValidationError) -> Iterator[str]:
    """Yield one line for each mistake behind a jsonschema error: key, found, expected, meaning."""
    place = ".".join(str(part) for part in error.absolute_path) or "top level"
    wanted = error.validator_value
    meaning = first_sentence(error.schema.get("description", ""))
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        for key in sorted(set(map(str, error.instance)) - set(known)):
            hint = did_you_mean(key, known) or f"known keys: {', '.join(known)}"
            yield f"{place}: unknown key '{key}'; {hint}"
        return
    if error.validator == "required":
        for key in (key for key in wanted if key not in error.instance):
            entry = error.schema.get("properties", {}).get(key, {})
            text = f" ({first_sentence(entry['description'])})" if "description" in entry else ""
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
            if all(inner.validator not in ("type", "const") or inner.path for inner in inners)
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
    found += yaml_number(error)
    yield f"{place}: found {found}, expected {expected}" + (f" ({meaning})" if meaning else "")


def yaml_number(error: jsonschema.ValidationError) -> str:
    """Return how YAML wants a number in the form 1e-4, which it takes for text; or nothing."""
    parts = re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", str(error.instance))
    if error.validator != "type" or not isinstance(error.instance, str) or parts is None:
        return ""
    whole, fraction, sign, power = parts.groups()
    return f" (text to YAML: write {whole}{fraction or '.0'}e{sign or '+'}{power})"


def expectation(error: jsonschema.ValidationError) -> str:
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


def first_sentence(description: str) -> str:
    """Return what a key means, without its origin: a sentence ends before a capital letter."""
    return re.split(r"(?<=[^l]\.) (?=[A-Z])", description, maxsplit=1)[0]


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a question with the name that is close to `name`; nothing if none is."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""
