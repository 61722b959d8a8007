"""configs/gateway: example mappings of the pages in docs/integrate, which load as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.config.gateway_settings import GatewaySettings
from tests.support.processes import ROOT
from twin_core.checked_yaml import parse, read_yaml

FOLDER = ROOT / "configs" / "gateway"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_a_configuration(path: Path) -> None:
    settings = parse(GatewaySettings, read_yaml(path), str(path))
    tags = {f"{name}.{tag}" for name, source in settings.sources.items() for tag in source.tags}
    text = path.read_text(encoding="utf-8").partition("\nstations:")[2]
    used = set(re.findall(r"\b(?:" + "|".join(settings.sources) + r")\.[a-z_]+\b", text))
    assert used == tags, "tags that nobody uses, or that no source has"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_check_finds_nothing_wrong(path: Path) -> None:
    done = CliRunner().invoke(main, ["gateway", "check", "-c", str(path)])
    *notes, last = done.stdout.splitlines()
    assert (done.exit_code, last) == (0, f"{path}: nothing is wrong")
    assert all(re.match(r"note: .*_file: \S+ is not there yet", note) for note in notes)


def test_each_has_its_page() -> None:
    pages = ROOT / "docs" / "integrate"
    for path in EXAMPLES:
        page = (pages / f"{path.stem}.md").read_text(encoding="utf-8")
        assert f"configs/gateway/{path.name}" in page
        assert f"docs/integrate/{path.stem}.md" in path.read_text(encoding="utf-8")
