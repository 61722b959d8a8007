"""What is no regular file, or too large, is refused at once, by whoever reads it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.calibration.system_file import header_of
from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import (
    BrokerSettings,
    CatalogueSettings,
    HistorySettings,
    TlsSettings,
    load_settings,
)
from edge_agent.inference.registry import ModelRegistry
from edge_agent.learning.tables import read_table
from edge_agent.links.tls import password_of, tls_context
from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.logged_shots.measured_series import from_file
from edge_agent.logged_shots.replay import read_recording
from edge_agent.virtual_plant.card import NAME as CARD
from twin_core import TwinError, load_scenario
from twin_core.checked_yaml import read_yaml
from twin_core.files import load_cure, load_mold
from twin_core.log_files.series import read_series
from twin_core.plain_files import FileRefused, check_regular, read_bytes, read_text
from twin_core.system_versions import load_systems


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)  # the path of a socket has 107 characters at most
        listener.bind(path.name)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000_000)  # takes no room on the disk


KINDS: dict[Callable[[Path], None], str] = {
    fifo: r"is a FIFO or a pipe, not a regular file",
    folder: r"is a folder, not a regular file",
    unix_socket: r"is a socket or a device without a driver, not a regular file",
    endless: r"is a device, not a regular file",
    huge: r"10000000000 bytes, more than \d+, the limit here",
}


def bundle(path: Path) -> None:
    """A logged shot whose core temperatures, say, are no file."""
    for name in ("process.yaml", "qc.yaml", "sensors_core_temp.csv"):
        home = path.parent / f"with {name}"
        home.mkdir()
        (home / "meta.yaml").write_text("{shot_id: s1, system_id: SYSTEM_R1}")
        (home / name).symlink_to(path)
        with pytest.raises(TwinError) as refused:
            load_bundle(home)
        assert name in str(refused.value)
    raise refused.value


def model_state(path: Path) -> None:
    home = path.parent / "models" / "pour"
    home.mkdir(parents=True)
    (home / "state.yaml").symlink_to(path)
    ModelRegistry(home.parent).state("pour")


def manifest(path: Path) -> None:
    home = path.parent / "models" / "pour" / "1"
    home.mkdir(parents=True)
    (home / "manifest.yaml").symlink_to(path)
    ModelRegistry(home.parent.parent).manifest("pour", 1)


def table(path: Path) -> None:
    link = path.with_suffix(".csv")
    link.symlink_to(path)
    read_table(link)


def certificate(path: Path) -> None:
    tls_context(TlsSettings(enabled=True, cert_file=path, key_file=path))


READERS: dict[str, Callable[[Path], object]] = {
    "YAML": read_yaml,
    "settings": load_settings,
    "scenario": load_scenario,
    "mold": load_mold,
    "system": lambda path: load_systems(path.parent),
    "catalogue": lambda path: read_catalogue(
        CatalogueSettings(systems=path.parent, molds=path.parent)
    ),
    "cure": load_cure,
    "CSV": lambda path: read_series(path, {"T_core_C": None}),
    "series": lambda path: from_file(path, {}, print),
    "bundle": bundle,
    "header": header_of,
    "recording": read_recording,
    "table": table,
    "password": lambda path: password_of(BrokerSettings(username="u", password_file=path)),
    "authority": lambda path: tls_context(TlsSettings(enabled=True, ca_file=path)),
    "certificate": certificate,
    "address": lambda path: HistorySettings(url_file=path).address(),
    "model state": model_state,
    "manifest": manifest,
}


CASES = [(r, k) for r in READERS for k in KINDS if (r, k) != ("system", folder)]
"""A folder in the folder of systems is none of its files."""


@pytest.mark.parametrize(("reader", "make"), CASES, ids=lambda v: getattr(v, "__name__", v))
def test_no_reader_waits_for_it_or_drowns_in_it(
    reader: str, make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "odd.yaml"
    make(path)
    with pytest.raises(TwinError, match=KINDS[make]) as refused:
        READERS[reader](path)
    assert "odd" in str(refused.value) or reader in ("bundle", "model state", "manifest")


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="larger than 10 bytes"):
        read_bytes(Path("/proc/self/status"), 10)  # its size is 0, says the kernel
    assert read_bytes(Path("/proc/self/status"), 100_000)


def test_text_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "latin1.yaml"
    path.write_bytes("a: 1\nb: Müller\n".encode("latin-1"))
    with pytest.raises(FileRefused, match=r"latin1\.yaml: line 2: is not text in UTF-8"):
        read_text(path, 1000)
    path.write_bytes(b"\xef\xbb\xbftime_s,T_core_C\n1,2\n")  # as a spreadsheet writes it
    assert read_series(path, {"T_core_C": None}).time_s.tolist() == [1.0]


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("nul\0", "x" * 300, "missing"):
        for read in (lambda path: read_bytes(path, 10), lambda path: check_regular(path, 10)):
            with pytest.raises(FileRefused, match=re.escape(str(tmp_path))):
                read(tmp_path / name)


def test_a_plants_card_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / CARD)
    with pytest.raises(FileRefused, match="FIFO"):
        read_yaml(tmp_path / CARD)
