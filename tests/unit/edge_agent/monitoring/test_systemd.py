"""sd_notify over a real socket, one in the file system and an abstract one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.monitoring.systemd import Service


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    name = f"@pur-mold-twin-test-{os.getpid()}" if request.param == "abstract" else None
    address = name or str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as heard:
        heard.bind(address.replace("@", "\0", 1) if name else address)
        heard.settimeout(2.0)
        yield address, heard


def test_what_is_said(manager: tuple[str, socket.socket]) -> None:
    address, heard = manager
    service = Service({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"})
    assert service.watchdog_s == 3.0
    service.ready("for press1")
    assert heard.recv(1000) == b"READY=1\nSTATUS=for press1"
    service.alive()
    assert heard.recv(1000) == b"WATCHDOG=1"
    service.reloading()
    reloading, at, _ = heard.recv(1000).decode().splitlines()
    assert reloading == "RELOADING=1"
    microseconds = int(at.removeprefix("MONOTONIC_USEC="))
    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6 - microseconds < 5e6
    service.stopping()
    assert heard.recv(1000).startswith(b"STOPPING=1")
    service.close()
    service.alive()


def test_nobody_needs_to_listen(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        service = Service(environment)
        service.ready("")
        service.close()


@pytest.mark.parametrize("value", ["", "x", "0", "-1"])
def test_without_a_watchdog_none_is_fed(value: str) -> None:
    assert Service({"WATCHDOG_USEC": value}).watchdog_s is None


def test_the_watchdog_of_another_process() -> None:
    assert Service({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s is None


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as deaf:
        deaf.bind(address)
        service = Service({"NOTIFY_SOCKET": address})
        for _ in range(2000):
            service.status("x" * 1000)
        service.close()
