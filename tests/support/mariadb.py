"""A real MariaDB of one's own: Debian's server, unpacked, with a data folder made in a moment."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 30.0
USER, PASSWORD, DATABASE = "twin", "geheim", "mes"
_TABLES = ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
_OWN = f"""
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;
FLUSH PRIVILEGES;
CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON {DATABASE}.* TO '{USER}'@'127.0.0.1';
"""


@dataclass(frozen=True)
class MariaDb:
    """Where a server listens, on 127.0.0.1."""

    port: int


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A server with a database and a user that may write it; SIGKILL at the end."""
    program = shutil.which("mariadbd")
    assert program is not None
    shared = _shared(Path(program))
    folder = Path(tempfile.mkdtemp(prefix="twin-mariadb-"))
    data, log = folder / "data", folder / "log"
    (data / "mysql").mkdir(parents=True)
    common = [
        program,
        "--no-defaults",
        f"--datadir={data}",
        f"--lc-messages-dir={shared}",
        f"--character-sets-dir={shared / 'charsets'}",
        "--innodb-buffer-pool-size=16M",
        "--innodb-log-file-size=8M",
        *(["--user=root"] if os.geteuid() == 0 else []),
    ]
    bootstrap = "USE mysql;\n" + "".join((shared / name).read_text() for name in _TABLES) + _OWN
    made = subprocess.run(
        [*common, "--bootstrap", "--skip-networking"],
        input=bootstrap,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    port = _free_port()
    own = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's'}"]
    with log.open("wb") as output:
        server = subprocess.Popen([*common, *own], stdout=output, stderr=output)
    try:
        _wait(server, port, log)
        yield MariaDb(port)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _shared(program: Path) -> Path:
    """Folder with the SQL of the system tables, beside the unpacked program or of the machine."""
    beside = program.resolve().parents[1] / "usr" / "share" / "mysql"
    return beside if beside.exists() else Path("/usr/share/mysql")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"MariaDB did not start:\n{log.read_text()[-2000:]}")
