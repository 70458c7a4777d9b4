"""The style, and files that are the same on every run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from transferz.report.figures import (
    DATASET_COLOURS,
    SOURCE,
    TARGET,
    density_map,
    save_figure,
    settle_layout,
    strategy_styles,
    use_style,
    write_caption,
)

DRAW = """
import sys
sys.path.insert(0, sys.argv[1])
import matplotlib.pyplot as plt
from transferz.report.figures import save_figure, use_style
use_style()
figure, axes = plt.subplots(figsize=(3.35, 2.0))
axes.hexbin([0, 1, 1], [0, 1, 0], gridsize=5, rasterized=True)
axes.set(xlabel="Redshift $z$", title="Sphinx of black quartz", ylabel=r"$\\Delta z / (1 + z)$")
save_figure(figure, sys.argv[2] + ".pdf", sys.argv[2] + ".png")
"""


def test_files_are_the_same_in_every_process(root: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "2")):
        subprocess.run(
            [sys.executable, "-c", DRAW, root / "workflow", tmp_path / name],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    for suffix in (".pdf", ".png"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.pdf", "b.png"]


def test_axes_stand_at_rounded_places() -> None:
    """What the layout's solver adds to them differs from process to process."""
    use_style()

    def places(layout: Callable[[Figure], None]) -> list[tuple[float, ...]]:
        figure, panels = plt.subplots(2, 3, sharex=True)
        panels[0, 0].set(ylabel="Redshift", title="(a)")
        layout(figure)
        found = [axes.get_position().bounds for axes in figure.axes]
        if layout is settle_layout:
            figure.draw_without_rendering()
            assert [axes.get_position().bounds for axes in figure.axes] == found
        plt.close(figure)
        return found

    found = places(settle_layout)
    np.testing.assert_allclose(found, places(Figure.draw_without_rendering), rtol=0, atol=1e-9)
    # A box is two corners: a width is a difference of rounded numbers.
    np.testing.assert_allclose(found, np.round(found, 9), rtol=0, atol=1e-15)


def test_letters_are_embedded_and_dates_are_not(tmp_path: Path) -> None:
    use_style()
    figure, axes = plt.subplots()
    axes.set_xlabel("Redshift $z$")
    save_figure(figure, tmp_path / "a.pdf", tmp_path / "a.png")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()
    assert not plt.fignum_exists(figure.number)


def test_a_failed_figure_leaves_no_file(tmp_path: Path) -> None:
    use_style()
    figure, axes = plt.subplots()
    axes.set_xlabel(r"$\nocommand$")
    with pytest.raises(ValueError, match="nocommand"):
        save_figure(figure, tmp_path / "a.pdf", tmp_path / "a.png")
    plt.close(figure)
    assert list(tmp_path.iterdir()) == []


def test_the_style_needs_no_tex_and_no_installed_letters() -> None:
    use_style()
    assert not mpl.rcParams["text.usetex"]
    assert mpl.rcParams["pdf.fonttype"] == 42
    path = mpl.font_manager.findfont(mpl.rcParams["font.family"][0], fallback_to_default=False)
    # Either may go through a link to the environment.
    assert Path(path).resolve().is_relative_to(Path(mpl.get_data_path()).resolve())


def deuteranope(colour: str) -> np.ndarray:
    """Colour as seen without green cones (Viénot, Brettel & Mollon 1999), linear RGB."""
    linear = np.array(to_rgb(colour)) ** 2.2
    lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.03, 0.18, 1.467]])
    seen = lms @ linear
    seen[1] = 0.494207 * seen[0] + 1.24827 * seen[2]
    return np.clip(np.linalg.solve(lms, seen), 0, 1)


def test_target_is_blue_source_is_orange_and_colour_blind_readers_see_it() -> None:
    assert DATASET_COLOURS == {"target": TARGET, "source": SOURCE}
    red, green, blue = to_rgb(TARGET)
    assert blue > green > red
    red, green, blue = to_rgb(SOURCE)
    assert red > green > blue
    assert np.linalg.norm(deuteranope(TARGET) - deuteranope(SOURCE)) > 0.4


def test_strategies_differ_in_colour_and_marker() -> None:
    styles = strategy_styles([f"S{number}" for number in range(7)])
    for first, second in combinations(styles.values(), 2):
        assert first["color"] != second["color"]
        assert first["marker"] != second["marker"]
    assert strategy_styles(["A"])["A"] == strategy_styles(["A", "B"])["A"]


def test_density_grows_darker_and_single_galaxies_show_on_white() -> None:
    shades = density_map()(np.linspace(0, 1, 20))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(shades) < 0).all()
    assert shades[0] < 0.8


def test_caption_file(tmp_path: Path) -> None:
    write_caption(tmp_path / "c.md", "Figure 9.", "What it shows.", "What it looks like.")
    text = (tmp_path / "c.md").read_text()
    assert text == "**Figure 9.** What it shows.\n\nAlt text: What it looks like.\n"


def test_a_notebook_s_backend_and_a_matplotlibrc_have_no_effect(root: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 40\n")
    code = (
        "from transferz.report.figures import mpl, subplots; subplots(height=2);"
        "print(mpl.get_backend().lower(), mpl.rcParams['font.size'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MPLBACKEND": "no_such_backend", "PYTHONPATH": str(root / "workflow")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    backend, size = done.stdout.split()
    assert backend == "agg"
    assert float(size) < 20
