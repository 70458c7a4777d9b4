"""What is made from the settings is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from transferz.settings.write import products


@pytest.mark.parametrize("name", ["config/config.yaml", "docs/reference/configuration.md"])
def test_what_is_made_from_the_settings_is_current(root: Path, name: str) -> None:
    made = products(root)
    assert len(made) == 2
    assert (root / name).read_text() == made[root / name], "run `make config`"


def test_every_comment_of_the_configuration_fits_the_page(root: Path) -> None:
    made = products(root)[root / "config/config.yaml"]
    comments = [line for line in made.splitlines() if line.lstrip().startswith("#")]
    assert len(comments) > 350
    assert max(map(len, comments)) <= 100


def test_every_key_is_on_the_page_of_the_reference(root: Path) -> None:
    page = products(root)[root / "docs/reference/configuration.md"]
    for key in ("survey", "embedded.depth.deep.y", "strategies.NAME.train_on", "training.loss"):
        assert f"\n| `{key}` | " in page
    row = next(line for line in page.splitlines() if line.startswith("| `seeds.count` |"))
    assert (
        row
        == "| `seeds.count` | Number of seeds. | a whole number, at least 1, at most 1000 | 100 |"
    )
    assert "| [cuts](#cuts) |" in page
    assert "\n### `cuts`\n" in page
