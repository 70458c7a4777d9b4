"""Stop `make` before it installs where the environment could not work: one line says why."""

import os
import platform
import sys

# TensorFlow of the lock is published for these.
FIRST, LAST = (3, 11), (3, 13)
# Snakemake and the scripts of a virtual environment break off at these.
SPECIAL = " \t\n'\"\\`$&;|<>(){}[]*?!#:"


def problem(version, system, processor, folder):
    """Return why nothing can be installed; empty if it can."""
    if not FIRST <= tuple(version[:2]) <= LAST:
        return (
            "Python 3.11, 3.12 or 3.13 is needed: TensorFlow has no other. Found {}.{}. "
            "Name one: make PYTHON=python3.12 ..."
        ).format(*version)
    if (system, processor) == ("Darwin", "x86_64"):
        return (
            "TensorFlow has no version for Intel Macs. Use another machine, or the container "
            "envs/Dockerfile. On a Mac with Apple's processor, name a Python made for it: "
            "make PYTHON=..."
        )
    special = sorted(set(SPECIAL) & set(folder))
    if special:
        return (
            "The path of this folder has {}, with which the programs in .venv cannot be started. "
            "Move the project: {}"
        ).format(" ".join("a space" if mark == " " else mark for mark in special), folder)
    return ""


if __name__ == "__main__":
    sys.exit(problem(sys.version_info, platform.system(), platform.machine(), os.getcwd()) or 0)
