"""A Mosquitto of one's own on the loop-back address, for tests and the demo.

It is anonymous and listens on 127.0.0.1 only. A broker for a plant gets its configuration from
`broker.setup.configuration`; given that file, it runs here for a test.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from types import TracebackType
from typing import Self

from broker.codec import MAX_PACKET_BYTES
from broker.local.loopback import HOST, BrokerStartError, answers, free_port

MAX_QUEUED_MESSAGES = 100_000
"""Messages kept for a client that is away; Mosquitto's own 1,000 silently drop the rest."""

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0

_POLL_S = 0.02
_PORT_TRIES = 5
_PORT_TAKEN = "Address already in use"
_LISTENING = re.compile(r"mosquitto version \S+ running")
_LOG = "mosquitto.log"
_LOG_TAIL_LINES = 15


def find_mosquitto() -> Path | None:
    """The mosquitto program, also where an ordinary user's PATH does not lead; None without."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=path)
    return None if found is None else Path(found)


def render_config(
    port: int,
    *,
    persistence_dir: Path | None = None,
    max_queued_messages: int = MAX_QUEUED_MESSAGES,
    max_packet_bytes: int = MAX_PACKET_BYTES,
    autosave_changes: int | None = None,
    as_root: bool = False,
) -> str:
    """The configuration of a local broker on `port`.

    Sessions and retained messages survive an orderly restart when there is a `persistence_dir`.
    With `autosave_changes` they are saved after as many changes, and a kill loses no more.
    `as_root` keeps Mosquitto from dropping to a user that may not read the files of root.
    """
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        f"max_queued_messages {max_queued_messages}",
        f"max_packet_size {max_packet_bytes}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_type information",  # says when it listens
        "connection_messages false",
    ]
    if as_root:
        lines.append("user root")
    if persistence_dir is not None:
        lines += ["persistence true", f"persistence_location {persistence_dir}/"]
        if autosave_changes is not None:
            lines += ["autosave_on_changes true", f"autosave_interval {autosave_changes}"]
    return "\n".join(lines) + "\n"


class MosquittoProcess:
    """A Mosquitto that runs inside `async with MosquittoProcess() as broker:`.

    It listens on 127.0.0.1, on `port` or on a free one, which it keeps over restarts.
    Configuration, log and (with `persistence`) the store are in `directory`, or in a temporary one
    that goes with it. Given a `config` file it runs that one, which must listen on `port`, and the
    other arguments but `directory` mean nothing. `program` is by default the machine's Mosquitto.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        directory: Path | None = None,
        persistence: bool = False,
        max_queued_messages: int = MAX_QUEUED_MESSAGES,
        autosave_changes: int | None = None,
        config: Path | None = None,
        program: Path | None = None,
    ) -> None:
        self._program = program
        self._config = config
        self._port = port
        self._persistence = persistence
        self._max_queued_messages = max_queued_messages
        self._autosave_changes = autosave_changes
        self._directory = directory
        self._temporary: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The TCP port; RuntimeError before the first start of a broker on a free port."""
        if self._port is None:
            raise RuntimeError("the broker has not been started: it has no port yet")
        return self._port

    @property
    def is_running(self) -> bool:
        """True if the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process; RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError("the broker does not run")
        return self._process.pid

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def start(self) -> None:
        """Start and wait until clients are answered; nothing when it runs already.

        Raises BrokerStartError with the end of the log when it does not start in
        `START_TIMEOUT_S`, or when mosquitto is not on the machine.
        """
        if self.is_running:
            return
        program = self._program or find_mosquitto()
        if program is None:
            raise BrokerStartError("mosquitto is not on this machine; install its package")
        if self._port is not None:
            await self._start_on(program, self._port)
            return
        for tries_left in reversed(range(_PORT_TRIES)):
            port = free_port()
            try:
                await self._start_on(program, port)
            except BrokerStartError as error:
                if _PORT_TAKEN not in str(error) or not tries_left:
                    raise
            else:
                self._port = port
                return

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL): what it had only in memory is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def terminate(self) -> None:
        """End it in order (SIGTERM), by SIGKILL after `STOP_TIMEOUT_S`."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
        await self.kill()

    def reload(self) -> None:
        """Tell it to read rules, passwords and certificates again (SIGHUP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    async def restart(self) -> None:
        """End it in order if it runs, and start it on the same port."""
        await self.terminate()
        await self.start()

    def log_tail(self) -> str:
        """The last lines it logged."""
        return "\n".join(self._log().splitlines()[-_LOG_TAIL_LINES:])

    def _log(self) -> str:
        """All that it logged since its start."""
        if self._directory is None or not (self._directory / _LOG).exists():
            return ""
        return (self._directory / _LOG).read_text(encoding="utf-8", errors="replace")

    async def _start_on(self, program: Path, port: int) -> None:
        self._process = self._spawn(program, port)
        deadline = monotonic() + START_TIMEOUT_S
        # Another broker may answer on a port that was taken: ours says in its log that it listens.
        while not (_LISTENING.search(self._log()) and (self._config or await answers(port))):
            if not self.is_running or monotonic() > deadline:
                await self.kill()
                raise BrokerStartError(
                    f"mosquitto did not start on {HOST}:{port}:\n{self.log_tail()}"
                )
            await asyncio.sleep(_POLL_S)

    def _spawn(self, program: Path, port: int) -> subprocess.Popen[bytes]:
        if self._directory is None:
            self._temporary = TemporaryDirectory(prefix="mosquitto-")
            self._directory = Path(self._temporary.name)
        self._directory.mkdir(parents=True, exist_ok=True)
        config = self._config or self._write_config(self._directory, port)
        with (self._directory / _LOG).open("wb") as log:
            return subprocess.Popen(
                # -v says when it listens, whatever a given configuration logs
                [program, "-c", config, *(["-v"] if self._config else [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C in the terminal ends the clients first, then us it
            )

    def _write_config(self, directory: Path, port: int) -> Path:
        data = directory / "data"
        data.mkdir(exist_ok=True)
        config = directory / "mosquitto.conf"
        config.write_text(
            render_config(
                port,
                persistence_dir=data if self._persistence else None,
                max_queued_messages=self._max_queued_messages,
                autosave_changes=self._autosave_changes,
                as_root=os.geteuid() == 0,
            ),
            encoding="utf-8",
        )
        return config

    async def _close(self) -> None:
        await self.terminate()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = self._directory = None
