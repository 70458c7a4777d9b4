"""Make the claims and the draws behind Table 1 again, as on a processor without AVX-512.

Inputs
    splits : splits/{source,target}.parquet of this run: then its catalogues are there

Outputs
    claims : tables/claims_avx2.csv
    resampled : metrics/resampled_avx2.parquet

The whole run from the catalogues on is made in folders of its own, by Snakemake within Snakemake:
the instructions that TensorFlow may use are chosen when a process starts.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from transferz.core.errors import InputError
from transferz.core.logs import run
from transferz.run.benchmarking import machine

if TYPE_CHECKING:
    from snakemake.script import snakemake

AVX2 = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def require_avx512() -> None:
    """Raise an `InputError` where both runs would have the same instructions."""
    processor = machine()["Processor"]
    limited = [name for name in AVX2 if name in os.environ]
    if "AVX512F" not in processor or limited:
        raise InputError(
            "this run has no AVX-512, so that a second one would compute the same bits",
            key=", ".join(limited) or None,
            found=processor,
            expected="avx512f among the flags of /proc/cpuinfo, and no limit to it",
            fix="run `snakemake arithmetic` on another machine",
        )


def main(
    splits: Sequence[str | Path],
    claims: str | Path,
    resampled: str | Path,
    *,
    snakefile: str,
    configfiles: Sequence[str],
    pathvars: Mapping[str, str],
    threads: int,
) -> None:
    """Run the workflow again with fewer instructions, and copy what is compared.

    Parameters
    ----------
    configfiles : sequence of str
        Overlays of this run.
    pathvars : mapping
        Folders of the second run.
    """
    require_avx512()
    made = [Path(pathvars["results"], name) for name in ("claims.csv", "metrics/resampled.parquet")]
    command = [sys.executable, "-m", "snakemake", *map(str, made), "--snakefile", snakefile]
    command += ["--cores", str(threads), "--nolock", "--quiet", "all"]
    command += ["--configfile", *configfiles] if configfiles else []
    command += ["--config", f"pathvars={yaml.safe_dump(dict(pathvars), default_flow_style=True)}"]
    if subprocess.run(command, env=os.environ | AVX2).returncode:
        raise InputError("the second run failed", fix="see the lines above in this log")
    for source, output in zip(made, (claims, resampled), strict=True):
        shutil.copyfile(source, output)


if __name__ == "__main__":
    run(main, snakemake)
