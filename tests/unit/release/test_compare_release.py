"""The comparison with a published copy: overlap, labels, columns, whatever its format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from scripts.release.compare_release import main
from transferz.core.errors import InputError

NAMES = {"object_id": "object_id", "ra": "ra", "dec": "dec", "redshift": "z", "mag": "mag_{band}"}
N = 40


def ours() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "object_id": 36_411_448_540_268_999 + np.arange(N),
            "ra": rng.uniform(149, 151, N),
            "dec": rng.uniform(1, 3, N),
            "mag_i": rng.uniform(20, 25, N),
            "mag_err_i": 0.1,
            "redshift": np.linspace(0.1, 3, N),
            "lp_model": 3,
        }
    )


def published() -> pd.DataFrame:
    table = ours().drop(columns=["mag_err_i", "lp_model"]).rename(columns={"redshift": "z"})
    table["z"] = table["z"].astype(np.float32).astype(float)
    table.loc[3, "z"] += 0.01
    table.loc[4, "z"] += 1.0
    table["mag_i"] += 0.02
    extra = table.iloc[:5].assign(object_id=np.arange(5), ra=10.0, zspec=1.0)
    return pd.concat([table.iloc[:30], extra], ignore_index=True).drop(columns="zspec")


def compare(
    folder: Path, theirs: pd.DataFrame, name: str, *, one_release: bool = False, **names: str | None
) -> str:
    ours().to_parquet(folder / "ours.parquet")
    path = folder / name
    if name.endswith(".parquet"):
        theirs.to_parquet(path)
    elif name.endswith(".fits"):
        Table.from_pandas(theirs).write(path, overwrite=True)
    else:
        theirs.to_csv(path, index=False)
    main(
        folder / "ours.parquet",
        path,
        folder / "report.md",
        folder / "labels.csv",
        columns={**NAMES, **names},
        one_release=one_release,
        radius=0.5,
    )
    return (folder / "report.md").read_text()


@pytest.mark.parametrize("name", ["copy.parquet", "copy.fits", "copy.csv.gz"])
def test_report_counts_rows_labels_and_columns(tmp_path: Path, name: str) -> None:
    text = compare(tmp_path, published(), name)
    assert "| made here | 40 | 30 | 10 |" in text
    assert "| published | 35 | 30 | 5 |" in text
    assert "by position within 0.5 arcsec (0 more pairs are ambiguous). Of those in both, 2" in text
    assert "2 (6.67%) have another label" in text
    assert "1 one that differs by more than 0.15 (1 + z)" in text
    assert "| mag_i [mag] | 30 | 0.020000 | 0.000000 | 0.020000 |" in text
    assert "Columns here and not there: mag_err_i, redshift, lp_model." in text
    assert "Columns there and not here: z." in text
    labels = pd.read_csv(tmp_path / "labels.csv")
    assert labels["object_id"].tolist() == [36_411_448_540_269_002, 36_411_448_540_269_003]
    z = np.linspace(0.1, 3, N)[[3, 4]]
    np.testing.assert_allclose(labels["difference"], [0.01, 1.0] / (1 + z), rtol=1e-5)


def test_identifiers_of_another_release_are_not_used(tmp_path: Path) -> None:
    """One chance identifier, of another galaxy, must not stand for the comparison."""
    chance = published().assign(object_id=np.arange(35))
    chance.loc[0, "object_id"] = ours()["object_id"].iloc[20]
    text = compare(tmp_path, chance, "copy.csv")
    assert "| made here | 40 | 30 | 10 |" in text
    assert "by position within 0.5 arcsec" in text
    text = compare(tmp_path, published(), "copy.csv", object_id=None)
    assert "| made here | 40 | 30 | 10 |" in text


def test_a_copy_without_positions(tmp_path: Path) -> None:
    theirs, names = published().drop(columns=["ra", "dec"]), {"ra": None, "dec": None}
    text = compare(tmp_path, theirs, "copy.csv", **names)
    assert "| made here | 40 | 0 | 40 |" in text
    assert "by nothing: the published copy has no positions" in text
    assert "release.published.one_release" in text
    text = compare(tmp_path, theirs, "copy.csv", one_release=True, **names)
    assert "| made here | 40 | 30 | 10 |" in text
    assert "by object_id: the published copy has no positions" in text


@pytest.mark.parametrize("name", ["redshift", "lp_zPDF_CLASSIC", "z_truth"])
def test_labels_of_known_releases_are_found(tmp_path: Path, name: str) -> None:
    theirs = published().rename(columns={"z": name}).assign(other=1.0)
    text = compare(tmp_path, theirs, "copy.parquet", redshift=None)
    assert "2 (6.67%) have another label" in text
    # TransferZ's own label goes before the one that holds GalaxiesML's too.
    theirs["z_truth"] = theirs[name] if name == "z_truth" else 9.0
    assert (
        compare(tmp_path, theirs, "copy.parquet", redshift=None).splitlines()[:9]
        == (text.splitlines()[:9])
    )


def test_two_real_releases(tmp_path: Path, two_releases: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """2,347 galaxies of which one has its identifier in both releases."""
    mine, theirs = (table.assign(redshift=1.0) for table in two_releases)
    mine.to_parquet(tmp_path / "ours.parquet")
    theirs.assign(redshift=1.1).to_parquet(tmp_path / "copy.parquet")
    paths = [tmp_path / name for name in ("ours.parquet", "copy.parquet", "r.md", "labels.csv")]
    columns = {**NAMES, "redshift": "redshift", "mag": None}
    main(*paths, columns=columns, one_release=False, radius=0.5)
    assert "| made here | 2347 | 2347 | 0 |" in paths[2].read_text()
    labels = pd.read_csv(paths[3])
    assert sorted(labels["object_id"]) == sorted(mine["object_id"])


def test_nothing_in_common_is_said_and_is_no_error(tmp_path: Path) -> None:
    theirs = published().assign(object_id=np.arange(35), ra=10.0)
    assert "| published | 35 | 0 | 35 |" in compare(tmp_path, theirs, "copy.csv")


def test_identical_copy(tmp_path: Path) -> None:
    theirs = ours().rename(columns={"redshift": "z"})
    text = compare(tmp_path, theirs, "copy.parquet")
    assert "0 (0.00%) have another label" in text
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 1


def test_wrong_configuration_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"redshift: missing column; .* did you mean"):
        compare(
            tmp_path,
            published().rename(columns={"z": "redshifts"}),
            "copy.csv",
            redshift="redshift",
        )
    with pytest.raises(InputError, match=r"release\.published\.path"):
        main(tmp_path / "ours.parquet", "", "a", "b", columns=NAMES, one_release=False, radius=0.5)
