"""The way out fits the error: real failures of broker, database and disk, and what is advised."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from broker.local.loopback import free_port
from edge_agent.config.settings import BrokerSettings, HistorySettings
from edge_agent.errors import LinkError, NotAuthorized, StoreError, disk_hint
from edge_agent.history.read import open_reader
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.history.timescale import TimescaleHistory
from edge_agent.links.mqtt import connect
from edge_agent.spool.spool import Spool
from edge_agent.spool.spool_file import SpoolFile
from tests.support.password_broker import login, password_broker
from tests.support.ruled_broker import RuledBroker, ruled_broker
from tests.support.timescale import TimescaleServer, new_database
from twin_core.errors import TwinError

pytestmark = [
    pytest.mark.xdist_group("db"),
    # sockets of refused clients, which paho leaves open; collected with the test that made them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ABOUT_BROKER = ("broker.host", "broker.port", "broker.username", "access rules")
ABOUT_DISK = ("disk", "mounted", "full")
ABOUT_DATABASE = ("history.url", "database")


def advises(error: TwinError, words: str, never: tuple[str, ...] = ()) -> None:
    """The hint says it, and nothing about another thing."""
    assert words in error.hint, (str(error), error.hint)
    assert not [word for word in never if word in error.hint], error.hint
    assert "right-password" not in str(error) + error.hint


async def refusal(settings: BrokerSettings) -> LinkError:
    with pytest.raises(LinkError) as caught:
        async with connect(settings, "hint"):
            pass
    return caught.value


async def test_connections_that_cannot_be_opened() -> None:
    nobody = await refusal(BrokerSettings(port=free_port()))
    advises(nobody, "start the broker there, or correct broker.host and broker.port", ABOUT_DISK)
    unknown = await refusal(BrokerSettings(host="no-such-machine.invalid"))
    advises(unknown, "finds no address for 'no-such-machine.invalid'", (*ABOUT_DISK, "port"))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_and_a_right_that_is_missing(tmp_path: Path, protocol: str) -> None:
    async with password_broker(tmp_path / "b", "topic write ok/#") as known:
        right = known.model_copy(update={"protocol": protocol})
        wrong = await refusal(login(right.port, "wrong", protocol=protocol))
        advises(wrong, "correct broker.username and its password", (*ABOUT_DISK, "broker.host"))
        nobody = await refusal(BrokerSettings(port=right.port, protocol=protocol))
        advises(nobody, "set broker.username and broker.password_file", ABOUT_DISK)
        if protocol == "5":  # 3.1.1 does not tell
            async with connect(right, "hint") as session:
                await session.publish("ok/x", b"{}")
                with pytest.raises(NotAuthorized) as refused:
                    await session.publish("other/x", b"{}")
            advises(refused.value, "access rules", ("broker.host", *ABOUT_DISK))


async def test_certificates(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        stranger = BrokerSettings.model_validate(
            {"host": "localhost", "port": broker.plan.port, "tls": {"enabled": True}}
        )
        advises(await refusal(stranger), "broker.tls.ca_file must be the authority", ABOUT_DISK)
        without = broker.settings("agent-a").tls.model_copy(
            update={"cert_file": None, "key_file": None}
        )
        nobody = await refusal(broker.settings("agent-a").model_copy(update={"tls": without}))
        assert "set broker.tls.cert_file" in str(nobody)
        await no_such_right(broker)


async def no_such_right(broker: RuledBroker) -> None:
    async with connect(broker.settings("scada"), "hint") as session:
        with pytest.raises(NotAuthorized) as refused:
            await session.publish("pur/v1/s/p1/shot", b"{}")
    advises(refused.value, "docs/broker.md has who may write and read what", ABOUT_DISK)


async def trouble(url: str) -> list[StoreError]:
    """Of writing, and of reading."""
    errors = []
    store = TimescaleHistory(HistorySettings(url=url))
    with pytest.raises(StoreError) as caught:
        await store.deliver([])
    errors.append(caught.value)
    await store.close()
    reader = open_reader(HistorySettings(url=url))
    with pytest.raises(StoreError) as caught:
        await reader.shots(None, datetime.now(UTC), 1)
    errors.append(caught.value)
    await reader.close()
    return errors


@pytest.mark.needs("postgres")
async def test_a_database_that_refuses(server: TimescaleServer) -> None:
    head, _, tail = server.url.partition("@")
    wrong_password = head.rpartition(":")[0] + ":wrong@" + tail
    for error in await trouble(wrong_password):
        advises(error, "correct user and password in history.url", ABOUT_DISK)
    for error in await trouble(server.url.rpartition("/")[0] + "/not_there"):
        advises(error, "make this database (createdb)", (*ABOUT_DISK, "password"))
    for error in await trouble(f"postgresql://twin@127.0.0.1:{free_port()}/twin"):
        advises(error, "start the database there, or correct host and port", ABOUT_DISK)
    for error in await trouble("postgresql://twin@no-such-machine.invalid/twin"):
        advises(error, "finds no address for the host", ABOUT_DISK)


@pytest.mark.needs("postgres")
async def test_a_database_where_we_have_no_right_or_are_too_old(server: TimescaleServer) -> None:
    url = await new_database(server.url)
    admin = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await admin.execute(f"CREATE ROLE {name}_r LOGIN PASSWORD 'right-password'")
    poor = f"postgresql://{name}_r:right-password@{url.rpartition('@')[2]}"
    writing, reading = await trouble(poor)
    advises(writing, "give this user the right: GRANT", (*ABOUT_DISK, "password"))
    advises(reading, "history -c FILE upgrade", ABOUT_DISK)  # there are no tables yet
    await admin.execute("CREATE TABLE alembic_version (version_num text)")
    await admin.execute("INSERT INTO alembic_version VALUES ('9999')")
    store = TimescaleHistory(HistorySettings(url=url))
    with pytest.raises(StoreError) as caught:
        await store.deliver([])
    advises(caught.value, "install the version that made these tables", ABOUT_DISK)
    await store.close()
    await admin.close()


def test_disks_that_refuse(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(StoreError) as caught:
        SpoolFile(file / "spool.db")
    advises(caught.value, "a part of the path is a file", ABOUT_DATABASE)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database, but long enough " * 100)
    with pytest.raises(StoreError) as caught:
        SqliteHistory(damaged, None)
    advises(caught.value, "the file is damaged, or no SQLite file", ("mounted",))
    newer = tmp_path / "newer.db"
    Spool(newer).close()
    with closing(sqlite3.connect(newer)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError) as caught:
        Spool(newer)
    assert "update the program" in str(caught.value)
    advises(caught.value, "", ABOUT_DISK)


def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    """/proc is for reading only, for root too; a folder of mode 0500 is, for everybody else."""
    place, words = Path("/proc/spool.db"), "correct the path"
    if os.geteuid():
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o500)
        place, words = folder / "spool.db", "let the user with id"
    with pytest.raises(StoreError) as caught:
        SpoolFile(place)
    advises(caught.value, words, ABOUT_DATABASE)


@pytest.mark.needs("unshare")
def test_a_disk_that_is_mounted_read_only_or_is_full(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from edge_agent.errors import StoreError
from edge_agent.spool.spool_file import SpoolFile
try:
    SpoolFile(Path(sys.argv[1]) / "spool.db")
except StoreError as error:
    print(error.hint)
"""
    program = tmp_path / "program.py"
    program.write_text(script)
    disk = tmp_path / "disk"
    disk.mkdir()
    apart = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m"]
    mount = f"mount -t tmpfs -o size=4k none {disk}"
    allowed = subprocess.run([*apart, "sh", "-c", mount], capture_output=True, text=True)  # noqa: PLW1510
    if allowed.returncode:  # in a chroot the kernel refuses a user a namespace of its own
        pytest.skip(f"nothing may be mounted here: {allowed.stderr.strip()}")
    for options, words in (
        ("ro", "the file system is read-only: mount it writable"),
        ("size=4k", "make room on this disk"),
    ):
        fill = f"dd if=/dev/zero of={disk}/fill bs=64k count=1 2>/dev/null; "
        done = subprocess.run(
            [*apart, "sh", "-c", f"mount -t tmpfs -o {options} none {disk} || exit 77; {fill}"
             f"{sys.executable} {program} {disk}"],
            capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert words in done.stdout, (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EROFS, "Read-only file system"), "the file system is read-only"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room on this disk"),
    ],
)
def test_hints_of_disks_that_cannot_be_mounted_everywhere(error: OSError, words: str) -> None:
    assert words in disk_hint(error)
