"""Rest-frame spectra of galaxies, quasars and stars.

Nothing here is a table of templates: stars are black bodies with the Lyman and Balmer edges,
metal-line blanketing (the 4000-Angstrom break), atomic lines and molecular bands; a single-age
population is an integral of stars over the initial mass function on simplified tracks; a galaxy is
an integral over a star-formation history, behind dust, with nebular lines powered by its own
ionising photons. Everything can therefore be evaluated on any wavelength grid and varied
continuously in age, metallicity, dust and ionisation. `StellarPhysics` collects the uncertain
ingredients: the survey is generated with one choice (`GENERATING`) and its labels are fitted with
another (`FITTING`), as nature and any template set differ.

Units: Angstrom, L_sun per Angstrom, M_sun, years unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from transferz.survey.filters import SPEED_OF_LIGHT, log_wavelength_grid

SOLAR_LUMINOSITY = 3.828e33
"""erg/s (IAU 2015)."""

PLANCK = 6.62607015e-27
"""erg s."""

HYDROGEN_LIMIT = 911.75
"""Angstrom."""

REST_GRID = log_wavelength_grid(600.0, 53000.0, 0.003)
"""Rest-frame grid of the survey's photometry, Angstrom; far finer than any of its filters."""

# ---------------------------------------------------------------------------------------------
# Stars
# ---------------------------------------------------------------------------------------------


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
    """Spectra of stars of unit bolometric luminosity.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom.
    temperature : numpy.ndarray
        Shape (n,), effective temperature in Kelvin.
    metallicity : float
        log10 of the metal content over solar.
    physics : StellarPhysics

    Returns
    -------
    numpy.ndarray
        Shape (n, n_wavelength), per Angstrom.
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
    for centre, sigma, tau in _METAL_LINES:
        depth += (
            metals
            * (0.35 + cool)
            * strength
            / (1 + strength)
            * (1.6 * tau * np.exp(-0.5 * ((wave - centre) / sigma) ** 2))
        )

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
    return planck * np.exp(-depth)


# ---------------------------------------------------------------------------------------------
# Single-age populations
# ---------------------------------------------------------------------------------------------

AGE_EDGES = np.concatenate([[0.0], np.geomspace(2e6, 14.0e9, 32)])
"""Edges of the age bins in years; the stars of one bin are taken at its geometric middle."""

AGES = np.concatenate([[1.2e6], np.sqrt(AGE_EDGES[1:-1] * AGE_EDGES[2:])])
METALLICITIES = np.array([-1.2, -0.6, -0.2, 0.05, 0.3])
"""log10(Z / Z_sun) of the grid of populations."""

_TEMPERATURES = np.geomspace(2400.0, 55000.0, 150)


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


def simple_populations(
    wavelength: np.ndarray = REST_GRID, physics: StellarPhysics = GENERATING
) -> np.ndarray:
    """Spectra of single-age populations, per solar mass formed.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom.
    physics : StellarPhysics

    Returns
    -------
    numpy.ndarray
        Shape (n_metallicity, n_age, n_wavelength), L_sun / Angstrom / M_sun, at `METALLICITIES`
        and `AGES`.
    """
    mass = np.geomspace(0.08, 120.0, 1500)
    number = _initial_mass_function(mass) * np.gradient(mass)
    luminosity, temperature = _main_sequence(mass)
    lifetime = _lifetime(mass)
    log_grid = np.log(_TEMPERATURES)
    result = np.empty((len(METALLICITIES), len(AGES), len(wavelength)), dtype=np.float32)
    for row, metallicity in enumerate(METALLICITIES):
        library = stellar_spectra(wavelength, _TEMPERATURES, metallicity, physics)
        for column, age in enumerate(AGES):
            phase = age / lifetime
            alive = phase < 1.0
            # Stars brighten by about a factor 2 and cool a little on the main sequence.
            light = number * luminosity * (1.0 + 1.1 * phase) * alive
            hot = temperature * (1.0 + 0.02 * phase - 0.10 * phase**3)
            hot *= np.where(mass > 0.6, 10.0 ** (-0.028 * metallicity), 1.0)
            places = [np.log(np.clip(hot[alive], 2401.0, 54000.0))]
            weights = [light[alive]]
            turn_off = float(np.interp(-np.log(age), -np.log(lifetime), mass))
            if turn_off < 119.0:
                faster, slower = np.interp(
                    -np.log(age * np.array([0.99, 1.01])), -np.log(lifetime), mass
                )
                deaths = _initial_mass_function(np.array([turn_off]))[0] * (faster - slower)
                deaths /= 0.02 * age
                phases = np.array(_giant_branch(turn_off, metallicity, physics))
                # 9.75e10 L_sun per (star / yr) and M_sun of fuel: Renzini & Buzzoni (1986).
                weights.append(9.75e10 * deaths * phases[:, 0])
                places.append(np.log(np.clip(phases[:, 1], 2401.0, 54000.0)))
            where, light = np.concatenate(places), np.concatenate(weights)
            position = (where - log_grid[0]) / (log_grid[1] - log_grid[0])
            low = np.floor(position).astype(int)
            share = position - low
            total = np.bincount(low, light * (1 - share), len(log_grid))
            total += np.bincount(low + 1, light * share, len(log_grid))
            result[row, column] = total @ library
    return result


# ---------------------------------------------------------------------------------------------
# Dust, gas between the galaxies, nebular lines
# ---------------------------------------------------------------------------------------------


def calzetti(wavelength: np.ndarray) -> np.ndarray:
    """Starburst attenuation k(lambda) of Calzetti et al. (2000, ApJ 533, 682), R_V = 4.05.

    Their equation 4, 0.12-2.2 micrometre; extended linearly into the far ultraviolet and to zero
    in the infrared.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Angstrom.

    Returns
    -------
    numpy.ndarray
        A(lambda) / E(B-V).
    """
    x = np.asarray(wavelength, dtype=float) / 1e4

    def blue(w: np.ndarray) -> np.ndarray:
        return 2.659 * (-2.156 + 1.509 / w - 0.198 / w**2 + 0.011 / w**3) + 4.05

    slope = (blue(np.array(0.121)) - blue(np.array(0.120))) / 0.001
    far = blue(np.array(0.120)) + slope * (x - 0.12)
    red = 2.659 * (-1.857 + 1.040 / x) + 4.05
    return np.clip(np.select([x < 0.12, x < 0.63], [far, blue(np.maximum(x, 0.12))], red), 0, None)


def small_magellanic_cloud(wavelength: np.ndarray) -> np.ndarray:
    """Extinction k(lambda) like the Small Magellanic Cloud's (Prevot et al. 1984, R_V = 2.72)."""
    return 2.72 * (np.asarray(wavelength, dtype=float) / 5500.0) ** -1.2


def igm_optical_depth(wavelength: np.ndarray, redshift: float | np.ndarray) -> np.ndarray:
    """Mean optical depth of the intergalactic medium, Madau (1995, ApJ 441, 18).

    The Lyman series (his equation 15 and the text below it) and the photoelectric absorption
    (approximation of his footnote 3).

    Parameters
    ----------
    wavelength : numpy.ndarray
        Rest-frame wavelength in Angstrom, broadcast against `redshift`.
    redshift : float or numpy.ndarray
        Redshift of the source.

    Returns
    -------
    numpy.ndarray
        Optical depth, 0 longward of Lyman alpha.
    """
    wavelength, redshift = np.broadcast_arrays(
        np.asarray(wavelength, dtype=float), np.asarray(redshift, dtype=float)
    )
    observed = wavelength * (1.0 + redshift)
    depth = np.zeros_like(observed)
    for line, amplitude in (
        (1215.67, 0.0036), (1025.72, 0.0017), (972.537, 0.0012), (949.743, 0.00093),
    ):  # fmt: skip
        depth += np.where(wavelength < line, amplitude * (observed / line) ** 3.46, 0.0)
    x_c = observed / HYDROGEN_LIMIT
    x_em = 1.0 + redshift
    with np.errstate(invalid="ignore", divide="ignore"):
        continuum = (
            0.25 * x_c**3 * (x_em**0.46 - x_c**0.46)
            + 9.4 * x_c**1.5 * (x_em**0.18 - x_c**0.18)
            - 0.7 * x_c**3 * (x_c**-1.32 - x_em**-1.32)
            - 0.023 * (x_em**1.68 - x_c**1.68)
        )
    return depth + np.where(wavelength < HYDROGEN_LIMIT, np.clip(continuum, 0.0, None), 0.0)


LINES = {
    "LyA": 1215.67, "CIII]1908": 1908.7, "[OII]3727": 3727.1, "[OII]3729": 3729.9,
    "[NeIII]3869": 3869.9, "Hdelta": 4102.9, "Hgamma": 4341.7, "Hbeta": 4862.7,
    "[OIII]4960": 4960.3, "[OIII]5008": 5008.2, "HeI5877": 5877.2, "[OI]6302": 6302.0,
    "[NII]6550": 6549.9, "Halpha": 6564.6, "[NII]6585": 6585.3, "[SII]6718": 6718.3,
    "[SII]6733": 6732.7, "[SIII]9071": 9071.1, "[SIII]9533": 9533.2, "PaBeta": 12821.6,
    "PaAlpha": 18756.4,
}  # fmt: skip
"""Vacuum wavelengths in Angstrom."""


def line_ratios(
    metallicity: np.ndarray, ionisation: np.ndarray, lya_escape: np.ndarray
) -> np.ndarray:
    """Intrinsic luminosities of `LINES` over that of H beta.

    Hydrogen: case B at 10^4 K (Osterbrock & Ferland 2006). [NII]/H alpha against oxygen: Pettini &
    Pagel (2004, N2). [OIII]/H beta against [NII]/H alpha: the star-forming sequence of Kewley et
    al. (2013). [OII], [SII], [NeIII] follow the same sequence in SDSS galaxies, rounded.

    Parameters
    ----------
    metallicity : numpy.ndarray
        Shape (n,), log10(Z/Z_sun); oxygen is taken in the solar proportion, 12+log(O/H) = 8.69.
    ionisation : numpy.ndarray
        Shape (n,), offset in dex of the ionisation from that sequence.
    lya_escape : numpy.ndarray
        Shape (n,), fraction of Lyman alpha that leaves the galaxy besides the dust screen.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_line).
    """
    oxygen = 8.69 + np.clip(metallicity, -1.2, 0.3)
    n2 = np.clip((oxygen - 8.90) / 0.57 - 0.3 * ionisation, -2.3, -0.28)
    o3 = np.clip(0.61 / (n2 + 0.08) + 1.1 + ionisation, -1.1, 0.95)
    o2 = 0.50 - 0.55 * (n2 + 0.80) ** 2 - 0.4 * ionisation
    s2 = -0.45 + 0.45 * (n2 + 0.40) - 0.3 * ionisation
    oiii, oii, nii, sii = 10.0**o3, 10.0**o2, 2.86 * 10.0**n2, 2.86 * 10.0**s2
    one = np.ones_like(oxygen)
    columns = {
        "LyA": 8.7 * 2.86 * lya_escape, "CIII]1908": 0.10 * oiii * 10.0 ** (-0.8 * (oxygen - 8.2)),
        "[OII]3727": 0.42 * oii, "[OII]3729": 0.58 * oii, "[NeIII]3869": 0.09 * oiii,
        "Hdelta": 0.259 * one, "Hgamma": 0.468 * one, "Hbeta": one, "[OIII]4960": oiii / 2.98,
        "[OIII]5008": oiii, "HeI5877": 0.12 * one, "[OI]6302": 0.12 * sii, "[NII]6550": nii / 3.06,
        "Halpha": 2.86 * one, "[NII]6585": nii, "[SII]6718": 0.57 * sii, "[SII]6733": 0.43 * sii,
        "[SIII]9071": 0.25 * sii, "[SIII]9533": 0.62 * sii, "PaBeta": 0.162 * one,
        "PaAlpha": 0.332 * one,
    }  # fmt: skip
    return np.column_stack([columns[name] for name in LINES])


# ---------------------------------------------------------------------------------------------
# Galaxies
# ---------------------------------------------------------------------------------------------


def age_weights(
    age: np.ndarray,
    tau: np.ndarray,
    burst_fraction: np.ndarray | float = 0.0,
    burst_age: np.ndarray | float = 1e8,
    *,
    delayed: bool = True,
) -> np.ndarray:
    """Fraction of the mass formed in each age bin of `AGE_EDGES`.

    Parameters
    ----------
    age, tau : numpy.ndarray
        Shape (n,), years since the first stars and e-folding time. The star-formation rate is
        t exp(-t/tau) if `delayed`, else exp(-t/tau).
    burst_fraction, burst_age : numpy.ndarray or float
        Fraction of the mass formed at a constant rate within the last `burst_age` years.
    delayed : bool

    Returns
    -------
    numpy.ndarray
        Shape (n, n_age); rows sum to 1.
    """
    age, tau = np.asarray(age, dtype=float)[:, None], np.asarray(tau, dtype=float)[:, None]
    time = np.clip(age - AGE_EDGES, 0.0, None) / tau
    # One minus these is the mass formed by a time; written for precision at small arguments.
    formed = -np.expm1(-time) - time * np.exp(-time) if delayed else -np.expm1(-time)
    weights = (formed[:, :-1] - formed[:, 1:]) / formed[:, :1]
    share = np.broadcast_to(np.asarray(burst_fraction, dtype=float), age.shape[:1])[:, None]
    length = np.broadcast_to(np.asarray(burst_age, dtype=float), age.shape[:1])[:, None]
    burst = np.diff(np.minimum(AGE_EDGES, length), axis=1) / length
    return (1.0 - share) * weights + share * burst


PARAMETERS = (
    "age", "tau", "burst_fraction", "burst_age", "metallicity", "ebv", "dust_slope", "dust_bump",
    "ionisation", "lya_escape",
)  # fmt: skip
"""Columns that describe a galaxy's spectrum; see `GalaxyModel.spectra`."""


class GalaxyModel:
    """Spectra of galaxies on a fixed rest-frame grid.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom, increasing.
    physics : StellarPhysics
    line_width : float
        Velocity dispersion of the nebular lines, km/s; widened to 0.7 pixel where the grid is
        coarser, so that no flux is lost.
    """

    ionising_share = 0.75
    """Ionising photons that meet hydrogen rather than dust or the outside."""

    line_reddening = 1.0 / 0.44
    """E(B-V) of the gas over that of the stars (Calzetti et al. 2000)."""

    def __init__(
        self,
        wavelength: np.ndarray = REST_GRID,
        physics: StellarPhysics = GENERATING,
        line_width: float = 120.0,
    ) -> None:
        self.wavelength = np.asarray(wavelength, dtype=float)
        populations = simple_populations(self.wavelength, physics)
        self.basis = populations.reshape(-1, len(self.wavelength))
        ultraviolet = log_wavelength_grid(200.0, HYDROGEN_LIMIT, 0.005)
        photons = simple_populations(ultraviolet, physics) * (
            SOLAR_LUMINOSITY * ultraviolet / (PLANCK * SPEED_OF_LIGHT)
        )
        self.ionising = np.trapezoid(photons, ultraviolet, axis=-1).ravel()

        centres = np.array(list(LINES.values()))
        pixel = np.interp(centres, self.wavelength, np.gradient(self.wavelength))
        sigma = np.hypot(centres * line_width / 2.99792458e5, 0.7 * pixel)[:, None]
        profiles = np.exp(-0.5 * ((self.wavelength - centres[:, None]) / sigma) ** 2)
        area = profiles @ np.gradient(self.wavelength)
        inside = (centres > self.wavelength[0]) & (centres < self.wavelength[-1])
        self.profiles = np.where(inside[:, None], profiles / np.maximum(area, 1e-30)[:, None], 0.0)
        self.profiles = self.profiles.astype(np.float32)

        # Attenuation = E(B-V) k (lambda/5500)^slope + E(B-V) bump D(lambda); the power is expanded
        # to third order so that a batch of galaxies is one matrix product.
        self.dust_basis = self._dust_basis(self.wavelength).astype(np.float32)
        self.line_dust_basis = self._dust_basis(centres)

    @staticmethod
    def _dust_basis(wavelength: np.ndarray) -> np.ndarray:
        log_x = np.log(wavelength / 5500.0)
        k = calzetti(wavelength)
        # Drude profile of the 2175-Angstrom bump (Noll et al. 2009, A&A 507, 1793).
        width, centre = 350.0, 2175.0
        drude = (wavelength * width) ** 2 / (
            (wavelength**2 - centre**2) ** 2 + (wavelength * width) ** 2
        )
        return (
            0.4 * np.log(10) * np.stack([k, k * log_x, k * log_x**2 / 2, k * log_x**3 / 6, drude])
        )

    @staticmethod
    def _dust_weights(ebv: np.ndarray, slope: np.ndarray, bump: np.ndarray) -> np.ndarray:
        return ebv[:, None] * np.column_stack(
            [np.ones_like(slope), slope, slope**2, slope**3, bump]
        )

    def spectra(
        self,
        galaxies: pd.DataFrame,
        *,
        delayed: bool = True,
        line_scale: float | np.ndarray = 1.0,
        smc_dust: bool = False,
    ) -> np.ndarray:
        """Return the spectra of `galaxies`, per solar mass of stars ever formed.

        Parameters
        ----------
        galaxies : pandas.DataFrame
            Columns `age` and `tau` (yr), `burst_fraction`, `burst_age` (yr), `metallicity`
            (log Z/Z_sun), `ebv` (mag, of the stars), `dust_slope` and `dust_bump` (departure from
            Calzetti's law: power of lambda and amplitude of the 2175-Angstrom bump), `ionisation`
            (dex), `lya_escape`.
        delayed : bool
            See `age_weights`.
        line_scale : float or numpy.ndarray
            Factor on all nebular lines.
        smc_dust : bool
            The law of the Small Magellanic Cloud in place of Calzetti's.

        Returns
        -------
        numpy.ndarray
            Shape (n, n_wavelength), float32, L_sun / Angstrom / M_sun.
        """
        column = {name: galaxies[name].to_numpy(dtype=float) for name in PARAMETERS}
        weights = self._population_weights(column, delayed=delayed)
        result = weights.astype(np.float32) @ self.basis
        dust = self._dust_weights(column["ebv"], column["dust_slope"], column["dust_bump"])
        if smc_dust:
            k = 0.4 * np.log(10) * small_magellanic_cloud(self.wavelength)
            depth = column["ebv"][:, None].astype(np.float32) * k.astype(np.float32)
        else:
            depth = dust.astype(np.float32) @ self.dust_basis
        np.exp(np.negative(depth, out=depth), out=depth)
        result *= depth
        # 4.76e-13 erg of H beta per ionising photon: case B at 10^4 K.
        h_beta = 4.76e-13 / SOLAR_LUMINOSITY * self.ionising_share * (weights @ self.ionising)
        lines = h_beta[:, None] * line_ratios(
            column["metallicity"], column["ionisation"], column["lya_escape"]
        )
        gas = self.line_reddening * dust
        lines *= np.exp(-gas @ self.line_dust_basis) * np.reshape(line_scale, (-1, 1))
        result += lines.astype(np.float32) @ self.profiles
        return result

    def _population_weights(self, column: dict[str, np.ndarray], *, delayed: bool) -> np.ndarray:
        ages = age_weights(
            column["age"], column["tau"], column["burst_fraction"], column["burst_age"],
            delayed=delayed,
        )  # fmt: skip
        metallicity = np.clip(column["metallicity"], METALLICITIES[0], METALLICITIES[-1])
        low = np.clip(np.searchsorted(METALLICITIES, metallicity) - 1, 0, len(METALLICITIES) - 2)
        share = (metallicity - METALLICITIES[low]) / (METALLICITIES[low + 1] - METALLICITIES[low])
        in_metals = np.zeros((len(ages), len(METALLICITIES)))
        rows = np.arange(len(ages))
        in_metals[rows, low] = 1.0 - share
        in_metals[rows, low + 1] = share
        return (in_metals[:, :, None] * ages[:, None, :]).reshape(len(ages), -1)


def specific_star_formation_rate(galaxies: pd.DataFrame) -> np.ndarray:
    """Stars formed per year over the last 10^8 years, per solar mass ever formed."""
    weights = age_weights(
        galaxies["age"].to_numpy(),
        galaxies["tau"].to_numpy(),
        galaxies["burst_fraction"].to_numpy(),
        galaxies["burst_age"].to_numpy(),
    )
    overlap = np.clip((1e8 - AGE_EDGES[:-1]) / np.diff(AGE_EDGES), 0.0, 1.0)
    return weights @ overlap / 1e8


# ---------------------------------------------------------------------------------------------
# Quasars
# ---------------------------------------------------------------------------------------------

# Centre, sigma, equivalent width in Angstrom: Vanden Berk et al. (2001, AJ 122, 549), Table 2;
# the last three rows are the iron and Balmer continuum around 3000 Angstrom.
_QUASAR_LINES = (
    (1033.0, 12.0, 9.8), (1216.0, 19.0, 92.9), (1398.0, 14.0, 8.1), (1546.0, 14.0, 23.8),
    (1906.0, 24.0, 21.2), (2799.0, 30.0, 32.3), (4103.0, 19.0, 5.0), (4342.0, 20.0, 12.6),
    (4863.0, 41.0, 46.2), (5008.0, 7.0, 13.2), (6565.0, 47.0, 194.5), (2450.0, 120.0, 35.0),
    (3150.0, 220.0, 45.0), (4570.0, 80.0, 14.0),
)  # fmt: skip


def quasar_spectra(
    wavelength: np.ndarray, slope: np.ndarray, ebv: np.ndarray, line_scale: np.ndarray
) -> np.ndarray:
    """Spectra of type-1 quasars, 1 at 4400 Angstrom before dust.

    Parameters
    ----------
    wavelength : numpy.ndarray
        Shape (n_wavelength,), Angstrom.
    slope : numpy.ndarray
        Shape (n,), f_nu ~ nu^slope of the ultraviolet continuum (-0.44 in the mean).
    ebv : numpy.ndarray
        Shape (n,), E(B-V) of dust in the host.
    line_scale : numpy.ndarray
        Shape (n,), factor on the equivalent widths.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_wavelength), per Angstrom.
    """
    wave = np.asarray(wavelength, dtype=float)
    power = -2.0 - np.asarray(slope)[:, None]
    continuum = (wave / 4400.0) ** power
    # Host galaxy and hot dust flatten the spectrum in the red.
    red = np.clip(np.log(wave / 5000.0), 0.0, None)
    continuum = continuum * np.exp(0.9 * np.minimum(red, 1.6))
    lines = np.zeros_like(wave)
    for centre, sigma, width in _QUASAR_LINES:
        lines += (
            width / (np.sqrt(2 * np.pi) * sigma) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
        )
    absorbed = np.where(wave < HYDROGEN_LIMIT, 0.3, 1.0)
    dust = np.exp(-0.4 * np.log(10) * np.asarray(ebv)[:, None] * small_magellanic_cloud(wave))
    return continuum * (1.0 + np.asarray(line_scale)[:, None] * lines) * absorbed * dust


# ---------------------------------------------------------------------------------------------
# Families
# ---------------------------------------------------------------------------------------------


def fitting_templates(wavelength: np.ndarray = REST_GRID) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the discrete templates that the labels are fitted with.

    Unlike the generating family: other stellar ingredients (`FITTING`), exponential histories at
    fixed ages and near-solar metallicity, steps of 0.1 in E(B-V), Calzetti or Small Magellanic
    Cloud dust without variation, fixed line ratios. The mixture of early types, spirals and
    starbursts with discrete dust follows Ilbert et al. (2009, ApJ 690, 1236).

    Returns
    -------
    spectra : numpy.ndarray
        Shape (n_template, n_wavelength), L_sun / Angstrom / M_sun formed.
    table : pandas.DataFrame
        One row per template: the parameters, `law`, `line_scale`, `ssfr` (1/yr, formed mass).
    """
    giga = 1e9
    red = [
        (11.0, 0.5, 0.05),
        (6.0, 0.5, 0.05),
        (3.0, 0.3, 0.05),
        (1.5, 0.2, 0.05),
        (8.0, 0.8, -0.2),
    ]
    middle = [(9.0, 2.0, 0.05), (6.0, 2.0, -0.1), (3.0, 0.7, -0.1)]
    blue = [(8.0, 5.0, 0.0), (5.0, 5.0, -0.2), (2.0, 5.0, -0.3), (0.7, 5.0, -0.5), (0.2, 5.0, -0.6),
            (0.05, 5.0, -0.8)]  # fmt: skip
    rows = [(*spec, ebv, "calzetti", 1.0) for spec in red for ebv in (0.0, 0.1)]
    rows += [(*spec, ebv, "calzetti", 1.0) for spec in middle for ebv in (0.0, 0.1, 0.2, 0.3, 0.5)]
    rows += [
        (*spec, ebv, "calzetti", scale)
        for spec in blue
        for ebv in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        for scale in (0.6, 1.4)
    ]
    rows += [(*spec, ebv, "smc", 1.0) for spec in blue[1:] for ebv in (0.1, 0.2)]
    table = pd.DataFrame(rows, columns=["age", "tau", "metallicity", "ebv", "law", "line_scale"])
    table[["age", "tau"]] *= giga
    table["burst_fraction"], table["burst_age"] = 0.0, 1e8
    table["dust_slope"] = table["dust_bump"] = table["ionisation"] = 0.0
    table["lya_escape"] = 0.1
    model = GalaxyModel(wavelength, FITTING)
    spectra = np.empty((len(table), len(wavelength)), dtype=np.float32)
    for law in ("calzetti", "smc"):
        chosen = (table["law"] == law).to_numpy()
        spectra[chosen] = model.spectra(
            table[chosen],
            delayed=False,
            line_scale=table.loc[chosen, "line_scale"].to_numpy(),
            smc_dust=law == "smc",
        )
    weights = age_weights(table["age"].to_numpy(), table["tau"].to_numpy(), delayed=False)
    overlap = np.clip((1e8 - AGE_EDGES[:-1]) / np.diff(AGE_EDGES), 0.0, 1.0)
    table["ssfr"] = weights @ overlap / 1e8
    return spectra, table


def star_templates(
    wavelength: np.ndarray = REST_GRID, physics: StellarPhysics = FITTING
) -> tuple[np.ndarray, np.ndarray]:
    """Return stellar spectra and their temperatures (K): 40 temperatures, two metallicities."""
    temperatures = np.geomspace(2600.0, 20000.0, 40)
    spectra = [stellar_spectra(wavelength, temperatures, metal, physics) for metal in (0.0, -1.0)]
    return np.concatenate(spectra).astype(np.float32), np.tile(temperatures, 2)


def draw_star_forming(n: int, rng: np.random.Generator, cosmic_age: float = 5.0e9) -> pd.DataFrame:
    """Draw parameters of star-forming galaxies with lines, for spectroscopic experiments.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    cosmic_age : float
        Age of the Universe in years; no galaxy is older.
    """
    age = cosmic_age * rng.uniform(0.1, 0.95, n)
    return pd.DataFrame(
        {
            "age": age,
            "tau": age / 10.0 ** rng.uniform(-0.7, 0.6, n),
            "burst_fraction": np.where(rng.random(n) < 0.2, 10.0 ** rng.uniform(-2.5, -0.7, n), 0),
            "burst_age": 10.0 ** rng.uniform(7.0, 8.4, n),
            "metallicity": np.clip(rng.normal(-0.25, 0.3, n), -1.2, 0.3),
            "ebv": np.clip(rng.gamma(2.0, 0.08, n), 0.0, 0.8),
            "dust_slope": np.clip(rng.normal(-0.15, 0.2, n), -0.7, 0.4),
            "dust_bump": rng.uniform(0.0, 3.0, n),
            "ionisation": rng.normal(0.1, 0.15, n),
            "lya_escape": 0.3 * rng.random(n) ** 2,
        }
    )


def generate_seds(
    n: int,
    rng: np.random.Generator,
    wavelength: np.ndarray,
    *,
    line_width: float = 150.0,
    physics: StellarPhysics = GENERATING,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Noise-free rest-frame spectra of star-forming galaxies, with emission lines.

    Parameters
    ----------
    n : int
        Number of spectra.
    rng : numpy.random.Generator
    wavelength : numpy.ndarray
        Shape (n_wavelength,), rest-frame Angstrom, increasing, any spacing.
    line_width : float
        Velocity dispersion of the nebular lines, km/s.
    physics : StellarPhysics

    Returns
    -------
    f_lambda : numpy.ndarray
        Shape (n, n_wavelength), float32, L_sun / Angstrom / M_sun formed.
    parameters : pandas.DataFrame
        The `PARAMETERS` of each spectrum and `ssfr` (1/yr).
    """
    galaxies = draw_star_forming(n, rng)
    model = GalaxyModel(wavelength, replace(physics), line_width)
    parts = [model.spectra(galaxies.iloc[first : first + 1024]) for first in range(0, n, 1024)]
    galaxies["ssfr"] = specific_star_formation_rate(galaxies)
    empty = np.empty((0, len(model.wavelength)), dtype=np.float32)
    return np.concatenate([empty, *parts]), galaxies
