from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from scripts.spectra import evaluate, plot_uncertainty
from transferz.core.errors import InputError
from transferz.spectra.galaxies import draw_galaxies, galaxy_blocks
from transferz.spectra.grism import EqualClasses, Grism, line_spread, observe, rest_grid, with_noise
from transferz.spectra.studies import Member, prediction_table
from transferz.spectra.templates import (
    cross_correlate,
    fit_templates,
    group_means,
    principal_components,
    redshifted_bases,
    redshifted_lines,
)
from transferz.uncertainty import scores

EDGES = EqualClasses(1.0, 1.8, 40).edges


@pytest.fixture(scope="module")
def calibrated() -> tuple[np.ndarray, np.ndarray]:
    """Distributions, and truths drawn from them."""
    draw = np.random.default_rng(0)
    probability = draw.dirichlet(np.full(40, 0.3), 5000)
    place = (probability.cumsum(axis=1) < draw.random(5000)[:, None]).sum(axis=1)
    return probability, EDGES[place] + draw.random(5000) * np.diff(EDGES)[place]


def test_calibrated_distributions_have_a_uniform_pit(calibrated: tuple) -> None:
    pit = scores.probability_integral_transform(calibrated[0], EDGES, calibrated[1])
    assert scores.pit_distance(pit) < 1.7 / np.sqrt(5000)
    assert scores.pit_distance(pit) == pytest.approx(stats.kstest(pit, "uniform").statistic)
    assert scores.coverage(pit, *scores.CENTRAL_68) == pytest.approx(0.683, abs=0.02)
    assert scores.coverage(pit, *scores.CENTRAL_95) == pytest.approx(0.95, abs=0.01)


def test_calibrated_distributions_have_no_calibration_error(calibrated: tuple) -> None:
    table = scores.describe(calibrated[0], EDGES, calibrated[1])
    assert scores.expected_calibration_error(table["confidence"], table["correct"]) < 0.03


def test_overconfidence_is_an_expected_calibration_error() -> None:
    confidence, correct = np.full(100, 0.9), np.arange(100) < 60
    assert scores.expected_calibration_error(confidence, correct) == pytest.approx(0.3)


def test_crps_is_the_integral_of_its_definition() -> None:
    draw = np.random.default_rng(1)
    probability, z = draw.dirichlet(np.full(40, 0.5), 5), draw.uniform(1.0, 1.8, 5)
    score = scores.continuous_ranked_probability_score(probability, EDGES, z)
    levels = scores.cumulative(probability)
    for row in range(5):
        grid = np.sort(np.append(np.linspace(1.0, 1.8, 400_001), z[row]))
        step = np.interp(grid, EDGES, levels[row]) - (grid >= z[row])
        assert score[row] == pytest.approx(integrate.trapezoid(step**2, grid), abs=1e-5)


def test_crps_of_a_narrow_distribution_is_the_absolute_error() -> None:
    probability = np.eye(800)[[100]]
    edges = EqualClasses(1.0, 1.8, 800).edges
    score = scores.continuous_ranked_probability_score(probability, edges, np.array([1.5]))
    assert score[0] == pytest.approx(1.5 - 1.1005, abs=1e-3)


def test_quantiles_invert_the_cumulative_distribution() -> None:
    flat = np.full((2, 40), 1 / 40)
    assert np.allclose(scores.quantile(flat, EDGES, 0.25), 1.2)
    point = np.eye(40)[[10]]
    assert scores.quantile(point, EDGES, 0.5)[0] == pytest.approx(1.21)


def test_entropy_of_density_does_not_depend_on_the_number_of_classes() -> None:
    z = np.array([1.3])
    values = []
    for number in (80, 800):
        classes = EqualClasses(1.0, 1.8, number)
        shape = (np.abs(classes.centres - 1.3) < 0.1).astype(float)[None]
        summary = scores.describe(shape / shape.sum(), classes.edges, z)
        values.append(float(summary["entropy"].iloc[0]))
    assert values == pytest.approx([np.log(0.2), np.log(0.2)], abs=0.02)


def test_agreeing_members_have_no_epistemic_uncertainty() -> None:
    one = np.random.default_rng(0).dirichlet(np.ones(5), 7)
    parts = scores.decompose(np.stack([one, one, one]))
    assert np.allclose(parts["epistemic"], 0.0, atol=1e-12)
    assert np.allclose(parts["aleatoric"], stats.entropy(one, axis=1))


def test_certain_members_that_disagree_have_only_epistemic_uncertainty() -> None:
    members = np.eye(4)[:, None, :]
    parts = scores.decompose(members)
    assert parts["aleatoric"][0] == pytest.approx(0.0, abs=1e-9)
    assert parts["epistemic"][0] == pytest.approx(np.log(4.0))
    assert parts["total"][0] == pytest.approx(parts["aleatoric"][0] + parts["epistemic"][0])


# ------------------------------------------------------------------------------- evaluation


def predictions(head: str, shift: float, spectra: np.ndarray) -> pd.DataFrame:
    member = Member(head, 0, "base", 10, 5.0, "clean", "squared_error", 0)
    z = np.linspace(1.0, 1.7, len(spectra))
    return prediction_table(member, spectra, z, pd.DataFrame({"z_mean": z + shift}))


def test_metrics_are_those_of_the_errors() -> None:
    z = np.linspace(1.0, 1.7, 8)
    row = evaluate.evaluate(predictions("regression", 0.1, np.arange(8))).iloc[0]
    assert row["estimator"] == "value"
    assert row["mse"] == pytest.approx(0.01)
    assert row["mae"] == pytest.approx(0.1)
    assert row["r2"] == pytest.approx(1.0 - 0.01 / z.var())
    assert row["failure_fraction"] == 1.0
    assert row["noise"] == 0.2


def test_methods_tested_on_different_spectra_are_refused() -> None:
    tables = [
        predictions("regression", 0.1, np.arange(8)),
        predictions("template_fit", 0.1, np.arange(8) + 1),
    ]
    with pytest.raises(InputError, match="other spectra"):
        evaluate.evaluate(pd.concat(tables))


def test_rejecting_the_truly_uncertain_removes_the_failures() -> None:
    bad = np.arange(100) < 10
    table = pd.DataFrame(
        {
            "sample": "test",
            "z_true": 1.2,
            "z_pred": np.where(bad, 1.6, 1.2),
            **dict.fromkeys(("aleatoric", "epistemic", "total"), bad + 0.0),
        }
    )
    curve = plot_uncertainty.rejection_curves(table).set_index("rejected")["epistemic"]
    assert curve.iloc[0] == pytest.approx(0.1)
    assert curve.iloc[10] == pytest.approx(0.0, abs=1e-12)


# --------------------------------------------------------------------------------- templates


def test_classical_methods_find_the_redshift_of_bright_lines() -> None:
    grism = Grism(12060.0, 18920.0, 256, 480.0)
    wave = rest_grid(grism, 1.0, 1.8, 4e-4)
    galaxies = draw_galaxies(80, seed=0)
    galaxies["age"], galaxies["tau"], galaxies["ebv"] = 5e8, 1e10, 0.1
    rest = line_spread(next(galaxy_blocks(galaxies, wave))[1], wave, 480.0)
    z = np.random.default_rng(0).uniform(1.0, 1.8, 80)
    spectra = with_noise(observe(rest, wave, z, grism), 10.0, 0, 0)[40:]
    classes = EqualClasses(1.0, 1.8, 200)
    bases = redshifted_bases(principal_components(rest[:40], 4), wave, classes, grism)
    fitted = fit_templates(spectra, bases)
    assert np.allclose(fitted.sum(axis=1), 1.0)
    error = np.abs(classes.centres[fitted.argmax(axis=1)] - z[40:])
    assert np.median(error) < classes.width
    lines = redshifted_lines(group_means(rest[:40], 2), wave, classes, grism)
    correlated = cross_correlate(spectra, lines, classes)
    assert np.median(np.abs(correlated - z[40:])) < classes.width
