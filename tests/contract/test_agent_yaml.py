"""configs/agent.yaml shows every setting, with its default where it is commented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from edge_agent.config.settings import Settings, load_settings
from tests.support.processes import ROOT
from twin_core.scenario import Quality

FILE = ROOT / "configs" / "agent.yaml"
LINE = re.compile(r"^( *)(# )?( *)([A-Za-z][A-Za-z0-9_]*):(?: +(.*))?$")
"""A field, commented or not: the sign takes no room, so that indentation says where it belongs."""
NOT_SHOWN = {
    "broker.password": "refused in a file: TWIN_BROKER__PASSWORD",
    "broker.session_secret": "refused in a file: TWIN_BROKER__SESSION_SECRET",
}


def settings_of(model: type[BaseModel], head: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting as ``section.field``, with its default."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_of(kind, f"{head}{name}.")
        else:
            yield head + name, field.get_default(call_default_factory=True)


def lines_of(text: str) -> Iterator[tuple[str, bool, Any]]:
    """Every field of the file: its path, whether it is commented, its value."""
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        before, sign, after, name, value = match.groups()
        indent = len(before) + len(after)
        above = [item for item in above if item[0] < indent]
        above.append((indent, name))
        path = ".".join(name for _, name in above)
        yield path, sign is not None, yaml.safe_load(value or "null")


SHOWN = {path: (commented, value) for path, commented, value in lines_of(FILE.read_text())}
DEFAULTS = dict(settings_of(Settings))


def test_every_setting_is_there_and_no_other() -> None:
    missing = DEFAULTS.keys() - SHOWN.keys() - NOT_SHOWN.keys()
    assert not missing, "show these in configs/agent.yaml, commented with their default"
    sections = {path.rpartition(".")[0] for path in DEFAULTS} | {"broker.tls"}
    unknown = {
        path
        for path in SHOWN.keys() - DEFAULTS.keys() - sections
        if not path.startswith("quality_by_mold.")
    }
    assert not unknown, "no such settings: remove them, or write the comment without a colon"


def test_a_missing_setting_would_be_noticed() -> None:
    text = FILE.read_text().replace("  # horizon_s: 1800", "  # the horizon")
    assert "shots.horizon_s" not in {path for path, _, _ in lines_of(text)}


def test_what_is_commented_is_the_default() -> None:
    examples = {path for path, default in DEFAULTS.items() if default in (None, {}, [])}
    examples |= {f"catalogue.{name}" for name in ("systems", "molds", "parameter_sets")}
    examples.add("broker.tls.enabled")
    wrong = {
        path: value
        for path, (commented, value) in SHOWN.items()
        if commented and path in DEFAULTS.keys() - examples and value != DEFAULTS[path]
    }
    assert wrong == {}


def test_the_agent_takes_it_with_and_without_the_comment_signs(tmp_path: Path) -> None:
    load_settings(FILE)
    one_of = ("history.url:", "  url: ")
    lines = []
    for line in FILE.read_text().splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        whole = line if match[2] is None else line.replace("# ", "", 1)
        if not whole.startswith(one_of):
            lines.append(whole)
    path = tmp_path / "agent.yaml"
    path.write_text("\n".join(lines))
    settings = load_settings(path)
    assert settings.quality_by_mold["PANEL_A"] == Quality(
        alpha_demold_min=0.8, p_max_allowable_bar=4.0
    )
    assert str(settings.catalogue.systems) == "/etc/pur-mold-twin/systems"
