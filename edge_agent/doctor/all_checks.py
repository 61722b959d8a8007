"""All checks of an agent, in the order in which a person mends things."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge_agent.doctor.checkup import Check, Finding, run_checks
from edge_agent.doctor.computing import (
    check_catalogue,
    check_compiler,
    check_models,
    check_pages,
)
from edge_agent.doctor.configuration import check_configuration
from edge_agent.doctor.disk_and_spool import check_disk, check_spool
from edge_agent.doctor.history_and_clock import check_clock, check_history
from edge_agent.doctor.rights import check_broker
from edge_agent.doctor.sparkplug import check_sparkplug

DISK_HANGS = "look at the disk: dmesg says what it does"
NETWORK_HANGS = "look at the network between here and there, and at the load of both machines"


def examine(config: Path) -> Iterator[Finding]:
    """Everything that an agent with this configuration stands on; nothing is changed."""
    checked = check_configuration(config)
    way_out = checked.hint or "pur-mold-twin check shows all settings"
    for problem in checked.problems:
        yield Finding("configuration", "problem", problem, way_out)
    if checked.settings is None:
        return
    if not checked.problems:
        yield Finding("configuration", "ok", ", ".join(map(str, checked.files)))
    s = checked.settings
    yield from run_checks(
        [
            Check("catalogue", partial(check_catalogue, s), 30.0, DISK_HANGS),
            Check("models", partial(check_models, s), 30.0, DISK_HANGS),
            Check("compiler", check_compiler, 10.0, DISK_HANGS),
            Check("disk", partial(check_disk, s), 15.0, DISK_HANGS),
            Check("spool", partial(check_spool, s), 30.0, DISK_HANGS),
            Check("history", partial(check_history, s), 20.0, NETWORK_HANGS),
            Check("clock", check_clock, 5.0, DISK_HANGS),
            Check("pages", partial(check_pages, s), 10.0, NETWORK_HANGS),
            Check("broker", partial(check_broker, s), 30.0 + 5.0 * len(s.presses), NETWORK_HANGS),
            Check("sparkplug", partial(check_sparkplug, s), 60.0, NETWORK_HANGS),
        ]
    )
