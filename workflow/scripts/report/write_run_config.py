"""Write the resolved configuration, package versions and git revision beside the results.

Outputs
    run_config : YAML
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import yaml

from transferz.core.logs import run
from transferz.core.products import write_text

if TYPE_CHECKING:
    from snakemake.script import snakemake

PACKAGES = (
    "astropy",
    "keras",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "snakemake",
    "tensorflow",
)


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that the numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not in this environment"
    return versions


def main(run_config: str, *, config: dict, revision: str) -> None:
    """Write `config` with what is needed to run it again."""
    record = {
        "git_revision": revision,
        "machine": platform.machine(),
        "versions": package_versions(),
        "config": config,
    }
    write_text(yaml.safe_dump(record, sort_keys=True, allow_unicode=True), run_config)


if __name__ == "__main__":
    run(main, snakemake)
