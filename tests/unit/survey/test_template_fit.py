import numpy as np
import pytest

from transferz.survey.galaxy_spectra import GalaxyModel
from transferz.survey.imaging import COSMOS_BANDS
from transferz.survey.stellar import REST_GRID
from transferz.survey.template_fit import (
    TemplateFitter,
    best_chi_square,
    fitting_templates,
    magnitude_prior,
    redshift_grid,
    summarise_likelihood,
)


@pytest.fixture(scope="module")
def fitter():
    return TemplateFitter(COSMOS_BANDS, z_max=3.0, step=0.01)


def test_chi_square_against_brute_force():
    rng = np.random.default_rng(0)
    models = rng.uniform(0.2, 2.0, (13, 4, 6)).astype(np.float32)
    flux, error = rng.normal(1.0, 0.5, (5, 6)), rng.uniform(0.1, 0.5, (5, 6))
    flux[2, 3] = np.nan
    flux[4] = -np.abs(flux[4])
    measured = best_chi_square(flux, error, models, block=4)
    for row in range(5):
        good = np.isfinite(flux[row])
        f, e = flux[row, good], error[row, good]
        for column in range(13):
            amplitudes = np.concatenate([[0.0], np.linspace(0.0, 5.0, 20001)])
            best = min(
                (((f - amplitudes[:, None] * model[good]) / e) ** 2).sum(axis=1).min()
                for model in models[column]
            )
            assert measured[row, column] == pytest.approx(best, rel=1e-4, abs=1e-3)


def test_likelihood_summary_of_a_gaussian_and_of_two_peaks():
    z = redshift_grid(2.0, 0.004)
    gauss = ((z - 0.8) / 0.05) ** 2
    two = np.minimum(gauss, ((z - 1.6) / 0.05) ** 2 + 2.0)
    table = summarise_likelihood(np.stack([gauss, two]).astype(np.float32) + 7.0, z)
    one = table.iloc[0]
    assert one["lp_zPDF"] == pytest.approx(0.8, abs=0.003)
    assert one["lp_zPDF_u68"] - one["lp_zPDF"] == pytest.approx(0.05, abs=0.004)
    assert one["lp_zPDF"] - one["lp_zPDF_l68"] == pytest.approx(0.05, abs=0.004)
    assert one["lp_chi2_best"] == pytest.approx(7.0, abs=0.05) and np.isnan(one["lp_zp_2"])
    assert one["lp_zMinChi2"] == pytest.approx(0.8, abs=0.002)
    # The second peak has exp(-1) of the first one's mass: a quarter of the whole.
    assert table["lp_zp_2"].iloc[1] == pytest.approx(1.6, abs=0.01)


def test_a_template_finds_itself(fitter):
    rows = [(20, 5), (90, 40), (60, 70)]
    flux = np.array([fitter.models[z, t] for z, t in rows], dtype=float) * 5.0
    error = 0.03 * flux
    flux[0, 3] = np.nan
    table = fitter.fit(flux, error)
    truth = fitter.redshift[[z for z, _ in rows]]
    assert table["lp_zMinChi2"].to_numpy() == pytest.approx(truth, abs=0.01)
    assert (table["lp_chi2_best"] < 0.5).all()
    assert table["lp_NbFilt"].tolist() == [len(COSMOS_BANDS) - 1, *[len(COSMOS_BANDS)] * 2]
    formed = [fitter.formed[z, t] for z, t in rows]
    assert table["lp_mass_best"].to_numpy() == pytest.approx(
        np.log10(3.0 * np.array(formed)), abs=0.2
    )


def test_a_star_is_fitted_best_as_a_star(fitter):
    star = fitter.stars[:, 3].astype(float)
    table = fitter.fit(star, 0.02 * star)
    assert table["lp_chis"].iloc[0] < 0.1 < table["lp_chi2_best"].iloc[0]


def test_faint_galaxies_are_expected_further_away():
    z = np.linspace(0.01, 3, 300)
    peak = z[magnitude_prior(np.array([20.0, 24.0]), z).argmax(axis=1)]
    assert peak[0] < 0.6 < peak[1]


def test_fitting_family_differs_from_generating_one():
    templates, table = fitting_templates()
    assert len(templates) == len(table) and np.isfinite(templates).all()
    row = table[(table["age"] == 6e9) & (table["tau"] == 5e8) & (table["ebv"] == 0)].index[0]
    same = table.loc[[row]]
    generated = GalaxyModel().spectra(same, delayed=False)[0]
    optical = (REST_GRID > 3000) & (REST_GRID < 20000)
    ratio = (templates[row] / generated)[optical]
    assert 0.01 < np.std(np.log(ratio)) < 0.2
