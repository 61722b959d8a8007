"""The files of `broker init` as Mosquitto reads them: it has nothing to warn of."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.ruled_broker import folder_of, plan_for
from tests.support.waiting import until

pytestmark = on_every_version()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the broker's user can reach, which root's temporary folders are not."""
    with tempfile.TemporaryDirectory(prefix="twin's brøker $HOME %u ") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def broker_user() -> str:
    """Another user's files if root may make them, else those of whoever runs the test."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


async def test_the_broker_has_nothing_to_warn_of(folder: Path, version: str) -> None:
    """Modes, owners and groups, and options that a release gives up, also when it reads again."""
    path = folder / "broker"
    plan = plan_for(path).model_copy(update={"user": broker_user()})
    folder_of(path, plan).prepare()
    log = folder / "run" / "mosquitto.log"
    async with MosquittoProcess(
        plan.port,
        directory=folder / "run",
        config=path / "mosquitto.conf",
        program=mosquitto(version),
    ) as broker:
        folder_of(path, plan).prepare()
        broker.reload()
        await until(lambda: "Reloading config" in log.read_text())
    said = log.read_text()
    for word in ("Warning", "Error", "deprecated", "Future versions"):
        assert word not in said, said
    owner = pwd.getpwnam(plan.user)
    for name in ("passwords", "access.acl", "server.key"):
        status = (path / name).stat()
        assert (status.st_uid, status.st_mode & 0o777) == (owner.pw_uid, 0o600)
