"""What the columns of somebody's catalogue may mean: guessed from names, units, UCDs and values."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from transferz.catalogues.container import ReadingOptions
from transferz.catalogues.formats import opened
from transferz.catalogues.reading import AS_IT_IS, existing
from transferz.catalogues.units import FLUX_UNITS, parse_unit
from transferz.core.errors import InputError

# Rows that are looked at.
LOOKED_AT = 2000
# From blue to red; in a name, in small or capital letters.
KNOWN_BANDS = "ugrizyjhk"
DECIMAL_COMMA = r"[-+]?\d+,\d+"
ERROR = re.compile(r"err|sig|unc|std|^d?e_|_e$")
FLUX, MAGNITUDE = re.compile(r"flux|fnu|f_nu|maggies"), re.compile(r"mag")
# Numbers per band that are neither, and magnitudes of a part of a galaxy.
NEITHER = re.compile(r"flag|snr|ext(?!en)|ivar|^n_?|num|^a_|col(ou)?r|rad|mask|ell|chi|psf_?size")
OF_A_PART = re.compile(r"aper|apcor|fib|psf|iso|petro")
# By preference. A spectroscopic redshift is worth more than others.
REDSHIFT_NAMES = (
    r"z_?spec|spec_?z|redshift_?spec|spec_?redshift|specz_redshift|z_?sp",
    r"redshift|(z|redshift)_?true|true_?(z|redshift)|z_?best|zcosmo?|z",
    r"(lp_)?z_?(phot|pdf|ml)o?|lp_z_?best|photo?_?z|redshift_?phot|z_?b|z_?mode|z_?median",
)
SPECTROSCOPIC = re.compile(r"spec|_sp|zsp")
PHOTOMETRIC = re.compile(r"phot|lp_|pdf|z_?ml|z_?b$|mod|med")
PLACES = {
    "object_id": (
        r"((object|obj|source|gal|galaxy)_?)?(id|no|number|name)|source|recno|.*_?id",
        "meta.id",
    ),
    "ra": (r"_?raj?(_?(deg|2000|j2000|icrs))?|alpha_?(j2000|sky)?|right_?ascension", "pos.eq.ra"),
    "dec": (r"_?dec?j?(_?(deg|2000|j2000|icrs))?|delta_?(j2000|sky)?|declination", "pos.eq.dec"),
}
# Never a redshift or a magnitude, found among the values.
SENTINELS = (-9999.0, -999.0, -99.9, -99.0, -9.0, -1.0)
UNDETECTED = (99.0, 99.9, 99.99)


@dataclass
class Seen:
    """The first rows of a catalogue.

    Attributes
    ----------
    numbers : dict of array of float
        Columns of numbers, NaN where there is none.
    names : list of str
        Of all columns.
    units, ucds : mapping of str
        Where the file says so.
    commas : list of str
        Columns of numbers with decimal commas, which are not read.
    """

    numbers: dict[str, np.ndarray]
    names: list[str]
    units: Mapping[str, str]
    ucds: Mapping[str, str]
    commas: list[str] = field(default_factory=list)


@dataclass
class Guess:
    """A description of a catalogue, as `CatalogueDescription.from_config` reads it, and remarks.

    Attributes
    ----------
    columns, band_names : dict of str
    bands : list of str
        From blue to red.
    unit : str or None
        None: not known.
    position_unit, truth : str
    null_values, non_detection_values : list of float
    doubts : list of str
        What was guessed without evidence, or not found.
    """

    columns: dict[str, str] = field(default_factory=dict)
    band_names: dict[str, str] = field(default_factory=dict)
    bands: list[str] = field(default_factory=list)
    unit: str | None = None
    position_unit: str = "deg"
    truth: str = "spec_z"
    null_values: list[float] = field(default_factory=list)
    non_detection_values: list[float] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def look_at(path: str | Path, how: ReadingOptions = AS_IT_IS) -> Seen:
    """Return the first rows of a catalogue; columns of arrays are left out."""
    path, arrays = existing(path), set()
    while True:
        with opened(path, how) as file:
            counts = Counter(file.names)
            names = [name for name in file.names if counts[name] == 1 and name not in arrays]
            try:
                raw = next(iter(file.pieces(names, (), LOOKED_AT)))
                break
            except InputError as error:
                if error.key not in names:
                    raise
                arrays.add(error.key)
    numbers, commas = {}, []
    for name in names:
        values = pd.Series(np.asarray(raw.columns[name]))
        values = values.mask(raw.nulls.get(name, np.zeros(len(values), bool)))
        if values.dtype.kind in "uif":
            numbers[name] = values.to_numpy(np.float64)
        elif values.dtype.kind != "b":
            text = values.astype("str").str.strip().replace("", np.nan)
            found = pd.to_numeric(text, errors="coerce")
            if found.notna().sum() > 0.5 * len(text):
                numbers[name] = found.to_numpy(np.float64)
            elif text.str.fullmatch(DECIMAL_COMMA).sum() > 0.5 * len(text):
                commas.append(name)
    return Seen(numbers, names, raw.units, file.ucds, commas)


def guess(seen: Seen, bands: Sequence[str] | None = None, unit: str | None = None) -> Guess:
    """Guess what the columns mean.

    Parameters
    ----------
    seen : Seen
    bands : sequence of str, optional
        Bands to look for; all by default.
    unit : str, optional
        Unit of the magnitudes or fluxes, if it is known.
    """
    found = Guess()
    for quantity, (pattern, ucd) in PLACES.items():
        name = _named(seen, (pattern,), ucd, seen.names)
        if name is not None:
            found.columns[quantity] = name
    if not {"ra", "dec"} <= found.columns.keys():
        found.columns = {k: v for k, v in found.columns.items() if k not in ("ra", "dec")}
    elif str(parse_unit(seen.units.get(found.columns["ra"], ""))) == "rad":
        found.position_unit = "rad"
    _guess_photometry(seen, found, bands, unit)
    taken = {found.columns.get("mag", "").replace("{band}", b) for b in found.band_names.values()}
    _guess_redshift(seen, found, taken)
    names = (*taken, found.columns.get("redshift"))
    looked = [seen.numbers[name] for name in names if name in seen.numbers]
    there = set(np.unique(np.concatenate(looked))) if looked else set()
    found.null_values = [value for value in SENTINELS if value in there]
    if found.unit == "mag":
        found.non_detection_values = [value for value in UNDETECTED if value in there]
    return found


def _named(seen: Seen, patterns: Iterable[str], ucd: str, names: Iterable[str]) -> str | None:
    """Return the first of `names` with this UCD, or whose name is one of the patterns."""
    names = list(names)
    for name in names:
        words = seen.ucds.get(name, "").lower().split(";")
        if words[0].startswith(ucd) and "stat.error" not in words:
            return name
    for pattern in patterns:
        for name in names:
            if re.fullmatch(pattern, name.lower()):
                return name
    return None


def _guess_redshift(seen: Seen, found: Guess, taken: set[str]) -> None:
    def plausible(name: str) -> bool:
        values = seen.numbers[name]
        good = values[np.isfinite(values) & (values > 0)]
        return len(good) > 0 and np.median(good) < 8 and good.min() < good.max()

    names = [name for name in seen.numbers if name not in taken and plausible(name)]
    name = _named(seen, REDSHIFT_NAMES, "src.redshift", names)
    if name is None:
        found.doubts.append("no column of redshifts: name it as columns.redshift")
        return
    found.columns["redshift"] = name
    word = f"{name} {seen.ucds.get(name, '')}".lower()
    if PHOTOMETRIC.search(word):
        found.truth = "photo_z"
    elif not SPECTROSCOPIC.search(word):
        found.doubts.append(f"'{name}' is taken for a spectroscopic redshift: truth")
    for form in ("{}_err", "{}err", "e_{}", "{}_error", "err_{}", "{}_sigma"):
        for other in seen.numbers:
            if other.lower() == form.format(name).lower():
                found.columns["redshift_err"] = other


def _guess_photometry(
    seen: Seen, found: Guess, bands: Sequence[str] | None, unit: str | None
) -> None:
    """Find the template that most bands share; the errors are the one most alike."""
    groups = _templates(seen, bands or KNOWN_BANDS)
    values = {template: names for template, names in groups.items() if _kind(seen, template, names)}
    if not values:
        found.doubts.append("no magnitudes or fluxes in two bands: name them as columns.mag")
        if seen.commas:
            some = ", ".join(seen.commas[:5])
            found.doubts.append(f"decimal commas in {some}: write numbers with decimal points")
        return

    def worth(template: str) -> tuple:
        kind = _kind(seen, template, groups[template])
        part = bool(OF_A_PART.search(template.lower()))
        return len(groups[template]), kind == "mag", not part, -len(template)

    best = max(values, key=worth)
    names = groups[best]
    found.columns["mag"], found.bands = best, sorted(names, key=KNOWN_BANDS.find)
    found.band_names = {band: names[band] for band in found.bands}
    others = [t for t in values if t != best and len(groups[t]) == len(names)]
    if others:
        found.doubts.append(f"'{best}' is taken, and not {', '.join(others[:5])}")
    errors = [t for t in groups if ERROR.search(_bare(t)) and groups[t].items() >= names.items()]
    if errors:
        plain = ERROR.sub("", _bare(best))
        found.columns["mag_err"] = max(
            errors,
            key=lambda t: difflib.SequenceMatcher(None, ERROR.sub("", _bare(t)), plain).ratio(),
        )
    found.unit = unit or _unit(seen, best, names)
    if found.unit is None:
        found.doubts.append(f"the unit of '{best}' is not stated: give it with --unit")


def _templates(seen: Seen, bands: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return templates with ``{band}`` and the file's names of the bands that fit, two at least."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for name in seen.numbers:
        for place, letter in enumerate(name):
            # Not inside of a word: "imag" and "mag_i" have a band, "major" has none.
            before, after = name[place - 1 : place], name[place + 1 : place + 2]
            inside = before.isalpha() and after.isalpha() and (before + after).islower()
            if letter.lower() in bands and not inside:
                template = name[:place] + "{band}" + name[place + 1 :]
                groups[template].setdefault(letter.lower(), letter)
    return {template: names for template, names in groups.items() if len(names) > 1}


def _bare(template: str) -> str:
    return template.replace("{band}", "").lower()


def _kind(seen: Seen, template: str, names: Mapping[str, str]) -> str | None:
    """Return whether columns are magnitudes ("mag") or fluxes ("flux"); None: neither."""
    bare = _bare(template)
    columns = [template.replace("{band}", name) for name in names.values()]
    ucds = " ".join(seen.ucds.get(name, "").lower() for name in columns)
    if ERROR.search(bare) or "stat.error" in ucds or NEITHER.search(bare):
        return None
    if _stated(seen, columns) in FLUX_UNITS or FLUX.search(bare) or "phot.flux" in ucds:
        return "flux"
    typical = np.nanmedian(np.concatenate([seen.numbers[name] for name in columns]))
    if 10 < typical < 32 and (MAGNITUDE.search(bare) or "phot.mag" in ucds or len(names) > 2):
        return "mag"
    return None


def _stated(seen: Seen, columns: Sequence[str]) -> str | None:
    """Return the unit that the file states for all of these columns, as the workflow spells it."""
    stated = {parse_unit(seen.units.get(name, "")) for name in columns}
    known = {parse_unit(unit): unit for unit in ("mag", *FLUX_UNITS)}
    return known.get(stated.pop()) if len(stated) == 1 else None


def _unit(seen: Seen, template: str, names: Mapping[str, str]) -> str | None:
    """Return the unit by what the file states, or by the name of the columns."""
    columns = [template.replace("{band}", name) for name in names.values()]
    bare = _bare(template)
    by_name = [unit for unit in FLUX_UNITS if unit.lower() in bare and unit != "Jy"]
    if _stated(seen, columns):
        return _stated(seen, columns)
    if _kind(seen, template, names) == "mag":
        return "mag"
    return by_name[0] if by_name else None
