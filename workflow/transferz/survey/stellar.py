"""Spectra of stars and of populations of one age.

A star is a black body with the Lyman and Balmer edges, metal-line blanketing (the 4000-Angstrom
break), atomic lines and molecular bands. A population is an integral of stars over the initial mass
function on simplified tracks. Nothing is a table of templates: everything can be evaluated on any
wavelength grid. `StellarPhysics` collects the uncertain ingredients: the survey is generated with
one choice (`GENERATING`) and its labels are fitted with another (`FITTING`), as nature and any
template set differ.

Units: Angstrom, L_sun per Angstrom, M_sun, years unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transferz.survey.attenuation import HYDROGEN_LIMIT
from transferz.survey.filters import log_wavelength_grid

REST_GRID = log_wavelength_grid(600.0, 53000.0, 0.003)
"""Rest-frame grid of the survey's photometry, Angstrom; far finer than any of its filters."""


@dataclass(frozen=True)
class StellarPhysics:
    """Ingredients of the stellar library and tracks that differ between template families.

    Attributes
    ----------
    blanketing : float
        Scales the optical depth of metal lines.
    balmer : float
        Scales the Balmer jump.
    giant_shift : float
        Kelvin added to all giants' temperatures.
    agb_fuel : float
        Scales the luminosity of the asymptotic giant branch, the least certain phase.
    """

    blanketing: float = 1.0
    balmer: float = 1.0
    giant_shift: float = 0.0
    agb_fuel: float = 1.0


GENERATING = StellarPhysics()
FITTING = StellarPhysics(blanketing=0.93, balmer=1.05, giant_shift=60.0, agb_fuel=0.6)

# Optical depth of metal lines in the Sun, from the solar spectrum over its continuum.
_BLANKET = np.array(
    [
        (1000, 8.0), (1500, 5.6), (1800, 3.8), (2100, 2.5), (2400, 1.6), (2600, 1.3), (2660, 1.0),
        (2900, 0.70), (3200, 0.40), (3600, 0.36), (3800, 0.38), (3900, 0.33), (3985, 0.27),
        (4015, 0.05), (4290, 0.06), (4330, 0.03), (4600, 0.015), (5000, 0.02), (5250, 0.015),
        (5600, 0.01), (6200, 0.005), (7000, 0.0),
    ]
)  # fmt: skip

# Centre, width (sigma) and optical depth in a K star: Ca H+K, G band, Mg b, Na D, Ca II triplet.
_METAL_LINES = (
    (3934.8, 9.0, 0.55), (3969.6, 9.0, 0.50), (4304.0, 14.0, 0.22), (5175.0, 18.0, 0.22),
    (5270.0, 10.0, 0.07), (5893.0, 6.0, 0.18), (8542.0, 7.0, 0.20), (8662.0, 7.0, 0.16),
    (8498.0, 6.0, 0.10),
)  # fmt: skip
_BALMER_LINES = (6564.6, 4862.7, 4341.7, 4102.9, 3971.2, 3890.2, 3836.5)

# Band head, end and optical depth at the head in an M star of 3200 K: TiO (VO, CaH), sawtooth.
_TITANIUM_OXIDE = (
    (4584, 4760, 0.35), (4760, 4954, 0.55), (4954, 5167, 0.75), (5167, 5448, 0.85),
    (5448, 5810, 0.75), (5847, 6158, 0.85), (6158, 6530, 1.00), (6651, 7053, 1.05),
    (7053, 7580, 1.35), (7589, 8050, 0.85), (8206, 8420, 0.55), (8432, 8840, 0.60),
    (8859, 9300, 0.45),
)  # fmt: skip
# Water and carbon monoxide: centre, sigma, optical depth at 3200 K.
_INFRARED_BANDS = ((14200.0, 600.0, 0.22), (18900.0, 900.0, 0.28), (23800.0, 700.0, 0.15))


def stellar_spectra(
    wavelength: np.ndarray,
    temperature: np.ndarray,
    metallicity: float = 0.0,
    physics: StellarPhysics = GENERATING,
) -> np.ndarray:
    """Spectra of stars of unit bolometric luminosity, per Angstrom, shape (n, n_wavelength).

    Stars have effective temperatures (n,) in Kelvin and one `metallicity`, log10 of the metal
    content over solar.
    """
    wave = np.asarray(wavelength, dtype=float)
    spectra = _unnormalised(wave, temperature, metallicity, physics)
    # Blanketed light comes out again at other wavelengths: the sum stays bolometric.
    wide = log_wavelength_grid(150.0, 3e5, 0.005)
    total = np.trapezoid(_unnormalised(wide, temperature, metallicity, physics), wide, axis=1)
    return spectra / total[:, None]


def _unnormalised(
    wave: np.ndarray, temperature: np.ndarray, metallicity: float, physics: StellarPhysics
) -> np.ndarray:
    teff = np.asarray(temperature, dtype=float)[:, None]
    # Hydrogen in A stars hides the continuum but at its hot, deep layers.
    log_t = np.log(teff / 9800.0)
    balmer = np.exp(-0.5 * (log_t / np.where(log_t > 0, 0.45, 0.25)) ** 2)
    colour_temperature = teff * (
        1.0 + 0.45 * balmer - 0.10 * np.clip((5400.0 - teff) / 1200.0, 0.0, 1.0)
    )
    exponent = np.minimum(1.43877e8 / (wave * colour_temperature), 600.0)
    planck = (wave / 5000.0) ** -5.0 / np.expm1(exponent)

    metals = 10.0 ** (0.30 * metallicity)
    strength = (5772.0 / teff) ** 3.0
    strength = physics.blanketing * metals * strength / (1.0 + strength / 3.0) * (4.0 / 3.0)
    depth = strength * np.interp(wave, _BLANKET[:, 0], _BLANKET[:, 1])
    cool = 1.0 / (1.0 + np.exp((teff - 5600.0) / 500.0))
    lines = metals * (0.35 + cool) * strength / (1 + strength)
    for centre, sigma, tau in _METAL_LINES:
        depth += lines * (1.6 * tau * np.exp(-0.5 * ((wave - centre) / sigma) ** 2))

    # Balmer jump and lines, strongest in A stars.
    balmer = physics.balmer * balmer
    edge = np.interp(wave, [3646.0, 3700.0, 3760.0, 3850.0, 3990.0], [1.0, 0.75, 0.5, 0.22, 0.0])
    below = np.where(wave < 3646.0, (wave / 3646.0) ** 2, 1.0)
    depth += 1.30 * balmer * edge * below
    for rank, centre in enumerate(_BALMER_LINES):
        sigma = 4.0 + 7.0 * balmer
        core = (0.75 - 0.05 * rank) * balmer
        depth += core * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    # Bound-free absorption redward of the jumps: hydrogen (Paschen continuum) in hot stars, H- in
    # cool ones. Both make the optical bluer than a black body.
    depth += 0.22 * balmer * np.where((wave > 3646) & (wave < 8204), (wave / 8204.0) ** 3, 0.0)
    warm = np.clip((9000.0 - teff) / 2500.0, 0.0, 1.0) * np.clip((teff - 2800.0) / 1200.0, 0.0, 1.0)
    depth += 0.10 * warm * np.exp(-0.5 * (np.log(wave / 8500.0) / 0.30) ** 2)
    depth += np.where(wave < HYDROGEN_LIMIT, 0.8 + 9.0 / (1 + np.exp((teff - 31000.0) / 2500.0)), 0)
    _add_molecules(depth, wave, teff, metallicity)
    return planck * np.exp(-depth)


def _add_molecules(
    depth: np.ndarray, wave: np.ndarray, teff: np.ndarray, metallicity: float
) -> None:
    """Add molecular bands, and the opacity minimum of H-, to the optical depth."""
    molecules = (
        1.7 * np.clip((4250.0 - teff) / 1050.0, 0.0, 1.5) ** 1.4 * 10.0 ** (0.25 * metallicity)
    )
    for head, end, tau in _TITANIUM_OXIDE:
        inside = (wave >= head) & (wave < end)
        depth += molecules * np.where(inside, tau * (end - wave) / (end - head), 0.0)
    for centre, sigma, tau in _INFRARED_BANDS:
        depth += molecules * tau * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    # The minimum of the H- opacity at 1.6 micrometre.
    bump = 0.22 * np.clip((6500.0 - teff) / 2000.0, 0.0, 1.2)
    depth -= bump * np.exp(-0.5 * (np.log(wave / 16300.0) / 0.17) ** 2)


AGE_EDGES = np.concatenate([[0.0], np.geomspace(2e6, 14.0e9, 32)])
"""Edges of the age bins in years; the stars of one bin are taken at its geometric middle."""

AGES = np.concatenate([[1.2e6], np.sqrt(AGE_EDGES[1:-1] * AGE_EDGES[2:])])
METALLICITIES = np.array([-1.2, -0.6, -0.2, 0.05, 0.3])
"""log10(Z / Z_sun) of the grid of populations."""

_TEMPERATURES = np.geomspace(2400.0, 55000.0, 150)
_MASSES = np.geomspace(0.08, 120.0, 1500)


def _main_sequence(mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminosity (L_sun) and temperature (K) on the zero-age main sequence.

    Interpolated in mass through values typical of observed eclipsing binaries and O stars (e.g.
    Eker et al. 2018, MNRAS 479, 5491; Martins et al. 2005, A&A 436, 1049).
    """
    table = np.array(
        [
            (0.08, -3.3, 2500), (0.15, -2.45, 3050), (0.3, -1.9, 3350), (0.5, -1.42, 3700),
            (0.6, -1.13, 4000), (0.7, -0.83, 4400), (0.8, -0.55, 4900), (0.9, -0.30, 5300),
            (1.0, -0.10, 5650), (1.2, 0.27, 6200), (1.5, 0.70, 7100), (2.0, 1.21, 9000),
            (3.0, 1.93, 12200), (5.0, 2.75, 17000), (8.0, 3.48, 22000), (12.0, 4.02, 27000),
            (20.0, 4.65, 33500), (40.0, 5.35, 41000), (80.0, 5.9, 47000), (120.0, 6.2, 50000),
        ]
    )  # fmt: skip
    log_mass = np.log10(mass)
    log_l = np.interp(log_mass, np.log10(table[:, 0]), table[:, 1])
    log_t = np.interp(log_mass, np.log10(table[:, 0]), np.log10(table[:, 2]))
    return 10.0**log_l, 10.0**log_t


def _lifetime(mass: np.ndarray) -> np.ndarray:
    """Years on the main sequence (values of Hurley, Pols & Tout 2000, solar metallicity)."""
    table = np.array(
        [
            (0.08, 13.5), (0.6, 10.85), (0.8, 10.36), (1.0, 10.02), (1.2, 9.70), (1.5, 9.37),
            (2.0, 8.99), (3.0, 8.52), (5.0, 7.95), (8.0, 7.53), (12.0, 7.21), (20.0, 6.92),
            (40.0, 6.67), (120.0, 6.48),
        ]
    )  # fmt: skip
    return 10.0 ** np.interp(np.log10(mass), np.log10(table[:, 0]), table[:, 1])


def _initial_mass_function(mass: np.ndarray) -> np.ndarray:
    """Stars per M_sun in mass per M_sun formed: Chabrier (2003, PASP 115, 763), 0.08-120."""

    def shape(m: np.ndarray) -> np.ndarray:
        low = 0.158 / (m * np.log(10)) * np.exp(-0.5 * (np.log10(m / 0.079) / 0.69) ** 2)
        high = 0.0443 / np.log(10) * m**-2.3
        return np.where(m < 1.0, low, high)

    grid = np.geomspace(0.08, 120.0, 3000)
    return shape(mass) / np.trapezoid(grid * shape(grid), grid)


def _giant_branch(turn_off: float, metallicity: float, physics: StellarPhysics) -> list[tuple]:
    """Fuel (M_sun of hydrogen equivalent) and temperature (K) of the phases after turn-off.

    Fuel-consumption theorem and amounts after Renzini & Buzzoni (1986) and Maraston (2005,
    MNRAS 362, 799, figure 3), smoothed.
    """
    cooling = -380.0 * metallicity + physics.giant_shift
    if turn_off < 2.2:
        branch = np.linspace(0.0, 1.0, 7)
        red_giants = [
            (0.29 / 7 * np.clip((2.4 - turn_off) / 1.2, 0.15, 1.0), 5050.0 - 1250.0 * x + cooling)
            for x in branch
        ]
        subgiants = [(0.05, 5350.0 + 900.0 * (turn_off - 0.9) + cooling)]
        clump = [(0.11, 4880.0 + cooling)]
        agb = 0.05 + 0.10 * np.clip((turn_off - 1.0) / 1.0, 0.0, 1.0)
    else:
        red_giants, subgiants = [], [(0.01 * turn_off, 5500.0)]
        blue_loop = 4900.0 + 1000.0 * np.clip(np.log2(turn_off / 2.2), 0.0, 3.5)
        clump = [(0.075 * turn_off, blue_loop + cooling), (0.03 * turn_off, 4300.0 + cooling)]
        agb = 0.15 * np.clip((5.5 - turn_off) / 2.5, 0.0, 1.0) if turn_off < 8 else 0.0
        if turn_off > 8:
            clump = [(0.10 * turn_off, 14000.0), (0.04 * turn_off, 3900.0 + cooling)]
    if turn_off < 1.5:
        # Extended horizontal branch: the ultraviolet upturn of old populations.
        clump.append((0.0012, 22000.0))
    tips = [
        (0.6 * agb * physics.agb_fuel, 3750.0 + cooling),
        (0.4 * agb * physics.agb_fuel, 3250.0),
    ]
    return [*subgiants, *red_giants, *clump, *tips]


def _light_of_age(
    age: float, metallicity: float, physics: StellarPhysics
) -> tuple[np.ndarray, np.ndarray]:
    """Temperatures (K) of the stars of a population, and their light (L_sun) per M_sun formed."""
    lifetime = _lifetime(_MASSES)
    luminosity, temperature = _main_sequence(_MASSES)
    number = _initial_mass_function(_MASSES) * np.gradient(_MASSES)
    phase = age / lifetime
    alive = phase < 1.0
    # Stars brighten by about a factor 2 and cool a little on the main sequence.
    light = number * luminosity * (1.0 + 1.1 * phase) * alive
    hot = temperature * (1.0 + 0.02 * phase - 0.10 * phase**3)
    hot *= np.where(_MASSES > 0.6, 10.0 ** (-0.028 * metallicity), 1.0)
    turn_off = float(np.interp(-np.log(age), -np.log(lifetime), _MASSES))
    if turn_off >= 119.0:
        return hot[alive], light[alive]
    faster, slower = np.interp(-np.log(age * np.array([0.99, 1.01])), -np.log(lifetime), _MASSES)
    deaths = _initial_mass_function(np.array([turn_off]))[0] * (faster - slower)
    deaths /= 0.02 * age
    phases = np.array(_giant_branch(turn_off, metallicity, physics))
    # 9.75e10 L_sun per (star / yr) and M_sun of fuel: Renzini & Buzzoni (1986).
    giants = 9.75e10 * deaths * phases[:, 0]
    return np.concatenate([hot[alive], phases[:, 1]]), np.concatenate([light[alive], giants])


def simple_populations(
    wavelength: np.ndarray = REST_GRID, physics: StellarPhysics = GENERATING
) -> np.ndarray:
    """Spectra of single-age populations at `METALLICITIES` and `AGES`, per solar mass formed.

    Returns
    -------
    numpy.ndarray
        Shape (n_metallicity, n_age, n_wavelength), L_sun / Angstrom / M_sun.
    """
    log_grid = np.log(_TEMPERATURES)
    result = np.empty((len(METALLICITIES), len(AGES), len(wavelength)), dtype=np.float32)
    for row, metallicity in enumerate(METALLICITIES):
        library = stellar_spectra(wavelength, _TEMPERATURES, metallicity, physics)
        for column, age in enumerate(AGES):
            temperatures, light = _light_of_age(age, metallicity, physics)
            where = np.log(np.clip(temperatures, 2401.0, 54000.0))
            position = (where - log_grid[0]) / (log_grid[1] - log_grid[0])
            low = np.floor(position).astype(int)
            share = position - low
            total = np.bincount(low, light * (1 - share), len(log_grid))
            total += np.bincount(low + 1, light * share, len(log_grid))
            result[row, column] = total @ library
    return result
