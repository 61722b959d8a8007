"""What may change while the agent runs is listed; everything else is refused, and all is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.reload import CREDENTIALS, LIVE, changed_fields, renewal
from edge_agent.config.settings import BrokerSettings, Settings, load_settings
from edge_agent.errors import SettingsError
from twin_core.errors import InputError
from twin_core.scenario import Quality

OLD = Settings(site="s", agent_id="a", presses=["p1"])


def changed(**fields: object) -> Settings:
    return OLD.model_copy(update=fields)


def test_the_catalogue_is_read_again_although_nothing_differs() -> None:
    new = renewal(OLD, lambda: OLD)
    assert (new.changed, new.reconnect) == ([], False)
    assert "SYSTEM_R1" in new.catalogue.systems


def test_what_may_change() -> None:
    quality = {"PANEL_A": Quality(alpha_demold_min=0.8)}
    new = renewal(OLD, lambda: changed(presses=["p2"], quality_by_mold=quality))
    assert new.changed == ["presses", "quality_by_mold.PANEL_A"]
    assert not new.reconnect
    assert new.catalogue.quality_by_mold == quality


def test_new_credentials_open_sessions_anew() -> None:
    broker = BrokerSettings(username="twin")
    assert renewal(OLD, lambda: changed(broker=broker)).reconnect


def test_what_may_not_change_is_refused_with_everything_that_differs() -> None:
    broker = BrokerSettings(port=1884, username="twin")
    with pytest.raises(SettingsError) as caught:
        renewal(OLD, lambda: changed(site="t", agent_id="b", broker=broker, presses=["p2"]))
    named = [line.split(":")[0] for line in str(caught.value).splitlines()]
    assert named == ["agent_id", "broker.port", "site"]


def test_a_catalogue_that_is_wrong_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("mold_id: [")
    catalogue = OLD.catalogue.model_copy(update={"molds": tmp_path})
    with pytest.raises(InputError, match=r"bad\.yaml"):
        renewal(OLD, lambda: changed(catalogue=catalogue))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"site: [", b"", b"\x00"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"agent\.yaml"):
        renewal(OLD, lambda: load_settings(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"agent\.yaml"):
        renewal(OLD, lambda: load_settings(path))


def test_the_lists_name_fields_that_exist() -> None:
    document = OLD.model_dump()
    for name in (*LIVE, *CREDENTIALS):
        section, _, field = name.partition(".")
        assert section in document
        assert not field or field in document[section]
    assert set(CREDENTIALS) <= set(LIVE)


def test_fields_that_differ() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    assert list(changed_fields(old, {"a": 1, "b": {"c": 2, "d": 5}, "f": 6})) == ["b.d", "e", "f"]
