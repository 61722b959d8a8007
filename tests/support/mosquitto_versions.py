"""The releases of Mosquitto that a test runs on, as ``deploy/setup/unpack-brokers`` gets them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SUPPORTED = ("2.0.11", "2.0.21")
"""Those of Debian 12 and 13: a test that needs one is skipped without it, and fails in CI."""

_NAME = "mosquitto-"


def _others() -> list[str]:
    """Further releases on this machine: Ubuntu's, and that of the next Debian."""
    found = {
        path.name.removeprefix(_NAME)
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        for path in Path(folder or ".").glob(f"{_NAME}[0-9]*")
    }
    return sorted(found.difference(SUPPORTED))


def on_every_version() -> pytest.MarkDecorator:
    """Run a test, or a file of tests, once for each release: it gets the argument `version`."""
    return pytest.mark.parametrize(
        "version",
        [
            pytest.param(version, marks=pytest.mark.needs(_NAME + version))
            for version in (*SUPPORTED, *_others())
        ],
    )


def mosquitto(version: str) -> Path:
    """The program of a release."""
    found = shutil.which(_NAME + version)
    if found is None:
        raise FileNotFoundError(f"{_NAME}{version} is not on this machine; ./twin test gets it")
    return Path(found)
