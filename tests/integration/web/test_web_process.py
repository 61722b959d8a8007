"""The web server as a process: TLS, commands beside it, its audit head on MQTT, clean logs."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import WebAudit
from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings
from edge_agent.config.web_settings import WebSettings
from edge_agent.errors import SettingsError
from edge_agent.links.mqtt import connect
from edge_agent.web.app import create_app
from edge_agent.web.server_tls import server_tls
from tests.support.processes import wait_for
from tests.support.web_access import bearer
from tests.support.web_app import WebProcess, web_settings
from twin_core.errors import TwinError

CANARY = "canary-" + "7f3a9c2e" * 4
TOPIC = "pur/v1/test/web/twin/web-audit"


def test_no_secret_is_in_any_log(tmp_path: Path, broker: MosquittoProcess) -> None:
    password = f"{CANARY}-password"
    with WebProcess(tmp_path, broker.port, log={"level": "debug"}) as web:
        added = web.run("user", "add", "anna", "--password-file", "-", stdin=password + "\n")
        assert added.stdout == "user anna: admin\n", added.stderr
        token = web.run("token", "add", "mes", "--role", "admin").stdout.splitlines()[0]
        code = web.run("token", "add", "press-1", "--kiosk").stdout.splitlines()[0]
        secrets = [CANARY, token[17:], code[17:]]
        with httpx.Client(base_url=web.address) as client:
            page = client.get("/login").text
            form = page.partition('name="csrf_token" value="')[2].partition('"')[0]
            login = {"csrf_token": form, "name": "anna", "password": password}
            here = {"Origin": web.address}
            for wrong in ({"password": CANARY}, {"name": "\x1b[2J"}):
                assert client.post("/login", data=login | wrong, headers=here).status_code == 401
            answer = client.post("/login", data=login, headers=here)
            assert answer.status_code == 303
            secrets.append(client.cookies["session"])
            client.cookies.clear()
            client.get("/api/v1/molds", params={"token": token})
            client.get("/api/v1/molds", params={"note": CANARY}, headers=bearer(token))
            client.get(f"/{CANARY}")
            client.get("/api/v1/molds", headers=bearer(CANARY))
            client.get("/api/v1/molds", headers={"Cookie": f"session={CANARY}"})
            client.post("/api/v1/quality", json={"press": CANARY}, headers=bearer(token))
            client.post("/simulate", content=CANARY.encode(), headers=bearer(token))
            client.post("/simulate", json={"process": {}, "mold": CANARY}, headers=bearer(token))
        printed = web.run("token", "list", "--output", "json").stdout
        printed += web.run("user", "list").stdout
        printed += web.run("audit", "list", "--limit", "1000", "--output", "json").stdout
        lines = web.run("audit", "list", "--limit", "1000").stdout
        for words in ("login refused", "token_added done", "user '\\x1b[2J'", "token press-1"):
            assert words in " ".join(lines.split()), "all of an entry on a narrow terminal"
        printed += lines
    printed += web.log.read_text()
    files = b"".join(file.read_bytes() for file in tmp_path.glob("web.db*"))
    for secret in secrets:
        assert len(secret) >= 39
        assert secret not in printed
        assert secret.encode() not in files
    assert "token_added" in printed


@pytest.mark.peers
def test_the_head_of_the_audit_log_is_a_witness(tmp_path: Path, broker: MosquittoProcess) -> None:
    async def read() -> WebAudit:
        link = BrokerSettings(port=broker.port)
        async with connect(link, "witness") as session:
            await session.subscribe([TOPIC])
            (message,) = await session.next_batch(1)
            session.acknowledge([message])
            return decode(WebAudit, message.payload, message.content_type)

    def head() -> WebAudit:
        return asyncio.run(read())

    with WebProcess(tmp_path, broker.port) as web:
        web.run("token", "add", "one")
        first = head()
        shutil.copy(tmp_path / "web.db", tmp_path / "older.db")
        web.run("token", "add", "two")

        wait_for(lambda: head().entries_count > first.entries_count, "the next head")
        second = head()
        assert web.run("audit", "verify", "--broker").stdout.endswith("the chain is whole\n")
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"web.db{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "older.db", tmp_path / "web.db")
    with WebProcess(tmp_path, broker.port) as web:
        wait_for(lambda: "web_audit_contradicted" in web.log.read_text(), "the contradiction")
        verdict = web.run("audit", "verify", "--broker")
        assert verdict.exit_code == 1
        assert "a head with 2 entries was published, the log has" in verdict.output
        assert web.run("audit", "verify").exit_code == 0, "an older copy is whole in itself"
        assert head() == second, "the witness stays"
        words = f"{second.entries_count}:{second.head_hmac}"
        assert web.run("audit", "verify", "--head", words).exit_code == 1
        assert web.run("audit", "verify", "--head", "x").exit_code == 2


@pytest.mark.peers
def test_tls_with_the_certificates_of_broker_init(tmp_path: Path) -> None:
    config = tmp_path / "init.yaml"
    config.write_text(json.dumps({"site": "s", "agent_id": "a", "presses": ["p1"]}))
    folder = str(tmp_path / "broker")
    init = ["broker", "init", "-c", str(config), "--out", folder, "--web", "web"]
    made = CliRunner().invoke(main, init)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "broker" / "clients" / "web.crt").exists()
    files = {"cert_file": str(tmp_path / "broker" / "server.crt")}
    files["key_file"] = str(tmp_path / "broker" / "server.key")
    with WebProcess(tmp_path, 1, web=files) as web:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "broker" / "ca.crt"))
        with httpx.Client(base_url=web.address, verify=trusted) as client:
            assert client.get("/health").json() == {"status": "degraded"}
            cookie = client.get("/login").headers["set-cookie"]
            assert cookie.startswith("__Host-visitor=")
            assert cookie.endswith("; Secure")


@pytest.mark.parametrize(
    ("web", "words"),
    [
        ({"audit_key_file": "/none"}, "web.audit_key_file: /none"),
        ({"database_path": "/proc/none/web.db"}, "/proc/none/web.db"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, web: dict[str, str], words: str) -> None:
    with pytest.raises(TwinError, match=words):
        create_app(web_settings(tmp_path, web=web), SystemClock())


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    with pytest.raises(SettingsError, match=r"web\.cert_file: .*cannot be read"):
        server_tls(WebSettings(cert_file=none, key_file=none))
    none.write_text("no certificate")
    with pytest.raises(SettingsError, match=r"web\.cert_file: .*are no certificate"):
        server_tls(WebSettings(cert_file=none, key_file=none))
    with pytest.raises(ValueError, match="belong together"):
        WebSettings(cert_file=none)


def test_an_orderly_end_writes_down_what_was_refused_and_complains_of_nothing(
    tmp_path: Path, broker: MosquittoProcess
) -> None:
    with WebProcess(tmp_path, broker.port) as web:
        for _ in range(3):
            answer = httpx.get(f"{web.address}/api/v1/molds", headers=bearer(CANARY))
            assert answer.status_code == 401
    entries = json.loads(web.run("audit", "list", "--output", "json").stdout)
    counted = [one for one in entries if "repeats_count" in json.dumps(one)]
    assert len(counted) == 1, entries
    assert '"error"' not in web.log.read_text(), web.log.read_text()
