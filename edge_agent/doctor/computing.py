"""Checks of what predictions are made with: catalogue, models, compiled physics; and the pages."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.parameter_set_folder import read_folder
from edge_agent.config.settings import HealthSettings, Settings
from edge_agent.doctor.checkup import Finding
from edge_agent.inference.registry import ModelRegistry
from twin_core.compiled import cache_folder, is_kept
from twin_core.errors import TwinError

PAGE_TIMEOUT_S = 3.0


def check_catalogue(settings: Settings) -> Iterator[Finding]:
    """Check that all files of systems, molds and parameter sets read."""
    for words in read_folder(settings.catalogue.parameter_sets).wrong:
        way_out = "nothing uses it, and it cannot be promoted: mend it, or move it away"
        yield Finding("catalogue", "warning", words, way_out)
    catalogue = load_catalogue(settings)
    words = f"{len(catalogue.systems)} systems, {len(catalogue.molds)} molds"
    if catalogue.sheets:
        words += f"; {len(catalogue.sheets)} systems more by their data sheet only, not simulated"
    if catalogue.systems and catalogue.molds:
        yield Finding("catalogue", "ok", words)
    else:
        way_out = "name folders with files in catalogue.systems and catalogue.molds"
        yield Finding("catalogue", "problem", f"{words}: no shot can be simulated", way_out)
    if catalogue.parameter_sets:
        sets = sorted({used.set_id for used in catalogue.parameter_sets.values()})
        used_by = len(catalogue.parameter_sets)
        yield Finding("catalogue", "ok", f"{used_by} parameter sets in use: {', '.join(sets)}")
    for (mold_id, _), why in sorted(catalogue.sets_refused.items()):
        yield Finding(
            "catalogue",
            "problem",
            f"mold {mold_id} goes without its parameter set: {why}",
            "pur-mold-twin parameter-sets list shows which sets there are",
        )


def check_models(settings: Settings) -> Iterator[Finding]:
    """Check that each model in use can be used here."""
    learning = settings.learning
    registry, used = ModelRegistry(learning.models, learning.trusted_keys), 0
    try:
        names = registry.names()
    except TwinError as error:
        yield Finding("models", "problem", str(error), error.hint)
        return
    for name in names:
        try:
            version = registry.state(name).promoted
            if version is None:
                continue
            used += 1
            model = registry.load(name, version)
        except TwinError as error:
            yield Finding("models", "problem", f"{name}: {error}", error.hint)
        else:
            words = f"{name}/{version} corrects at the {model.card.known_at}"
            yield Finding("models", "ok", words)
    if not used:
        yield Finding("models", "ok", f"{registry.folder}: none in use, the physics answers alone")


def check_compiler() -> Iterator[Finding]:
    """Check that the compiled physics is kept, so that a start is quick."""
    folder = cache_folder()
    if folder is None:
        words = "no folder to keep the compiled physics in: each start takes up to a minute"
        way_out = "set CACHE_DIRECTORY or XDG_CACHE_HOME to a folder this user may write"
        yield Finding("compiler", "warning", words, way_out)
    elif is_kept():
        yield Finding("compiler", "ok", f"the compiled physics is in {folder}")
    else:
        words = f"{folder} is writable; the first start compiles for up to a minute"
        yield Finding("compiler", "ok", words)


def check_pages(settings: Settings) -> Iterator[Finding]:
    """Check that ``health.port`` is free, or served by an agent."""
    health = settings.health
    if not health.enabled:
        yield Finding("pages", "ok", "off (health.enabled)")
        return
    where = f"{health.host}:{health.port}"
    family = socket.AF_INET6 if ":" in health.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((health.host, health.port))
            tried.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield _served(health, where)
        else:
            words = f"cannot listen on {where}: {error.strerror or error}"
            way_out = "correct health.host and health.port; a port below 1024 needs a right"
            yield Finding("pages", "problem", words, way_out)
    else:
        yield Finding("pages", "ok", f"{where} is free")


def _served(health: HealthSettings, where: str) -> Finding:
    body = _healthz(health)
    if body is None:
        words = f"another program has {where}"
        return Finding("pages", "problem", words, "choose another health.port, or end it")
    if body.get("healthy"):
        return Finding("pages", "ok", f"an agent serves {where}, and is healthy")
    stuck = "; ".join(map(str, body.get("stuck", []))) or "it does not say where"
    words = f"an agent serves {where}, and hangs: {stuck}"
    return Finding("pages", "problem", words, "restart it: systemctl restart pur-mold-twin-agent")


def _healthz(health: HealthSettings) -> dict[str, Any] | None:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = anywhere.get(health.host, health.host)
    connection = HTTPConnection(host, health.port, timeout=PAGE_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        body = json.loads(connection.getresponse().read(100_000))
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return body if isinstance(body, dict) and "healthy" in body else None
