"""Hostile clients of the broker, one of each role, each with valid credentials.

They log in under every client id that can be guessed, subscribe to what is not theirs, to shared
subscriptions too, publish forged and unreadable messages wherever they may and may not, and send
bytes that are no MQTT. What a role may do by its rights (a press writes its own topics, a
laboratory writes quality) reaches the twin; nothing of it may cost another press a message.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.chaos.script import SITE
from tests.support.ruled_broker import RuledBroker

BYTE_ORDER_MARK = "\ufeff"
SESSION_EXPIRY_S = 600
CONNECT_TIMEOUT_S = 2.0
STAY_S = 0.15
"""How long an intruder stays in a session: long enough to be given what waits there."""
PAUSE_S = (0.02, 0.2)
TOPICS = (
    "telemetry shot quality twin/kpi twin/alert twin/status twin/dead-letter "
    "twin/mold/PANEL_A/prediction twin/mold/PANEL_A/handover twin/agent/t1"
).split()


def guessed_ids(agent_id: str, presses: tuple[str, ...], group: str) -> list[str]:
    """Client ids that anybody can make up who reads topics and documentation."""
    ids = [f"pur-twin-{agent_id}-{SITE}-{press}" for press in presses]
    ids += [f"pur-share/{group}/{SITE}/{press}" for press in presses]
    ids += [f"pur-share/{SITE}/{group}/{agent_id}", f"agent-{agent_id}", agent_id]
    return ids


class Intruder(threading.Thread):
    """One hostile client; it works while it is told to ``attack``."""

    def __init__(self, role: str, broker: RuledBroker, presses: tuple[str, ...], seed: int) -> None:
        """Take the credentials of a role.

        Args:
            role: name of a client of the broker: its certificate is used; ``page``: a password over
                websockets; ``nobody``: no certificate at all.
            presses: the presses that are attacked.
        """
        super().__init__(name=f"intruder-{role}", daemon=True)
        self.role, self.attempts, self.logins = role, 0, 0
        self._broker, self._presses = broker, presses
        self._rng = random.Random(f"{seed}/{role}")
        self._ids = guessed_ids("t1", presses, "line-a")
        self._attacking, self._ended = threading.Event(), threading.Event()
        self.problem: BaseException | None = None

    def attack(self) -> None:
        """Go on."""
        self._attacking.set()

    def pause(self) -> None:
        """Leave the plant alone for a while."""
        self._attacking.clear()

    def end(self) -> None:
        """Stop for good, and wait for it."""
        self._ended.set()
        self._attacking.set()
        self.join(10)

    def run(self) -> None:
        """See ``Thread.run``: one attack after the other."""
        attacks: list[Callable[[], None]] = [self._steal, self._forge, self._babble]
        try:
            while self._attacking.wait() and not self._ended.is_set():
                self.attempts += 1
                with suppress(OSError, ValueError):  # the broker is away, or has had enough of us
                    self._rng.choice(attacks)()
                time.sleep(self._rng.uniform(*PAUSE_S))
        except BaseException as problem:
            self.problem = problem
            raise

    def _steal(self) -> None:
        """Take a session that belongs to another, or a part of a shared subscription."""
        client = self._login(self._rng.choice(self._ids))
        if client is None:
            return
        filters = ["#", "pur/v1/#", "$share/line-a/#"]
        for press in self._presses:
            filters += [f"$share/line-a/pur/v1/{SITE}/{press}/{name}" for name in TOPICS[:3]]
        client.subscribe([(name, 1) for name in filters])
        time.sleep(STAY_S)  # paho acknowledges all it is given
        self._logout(client)

    def _forge(self) -> None:
        """Publish under the name of others, and what nobody can read."""
        client = self._login(f"{self.role}-own")
        if client is None:
            return
        for topic in self._rng.sample(TOPICS, 4):
            press = self._rng.choice(self._presses)
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [(BYTE_ORDER_MARK, BYTE_ORDER_MARK)]
            properties.ContentType = self._rng.choice([BYTE_ORDER_MARK, "application/json", "x"])
            payload = self._rng.choice([b"", b"{", b"\xff" * 40, b'{"v": 1}', b"[" * 5000])
            address = f"pur/v1/{SITE}/{press}/{topic}"
            client.publish(address, payload, 1, bool(self._rng.getrandbits(1)), properties)
        time.sleep(STAY_S)
        self._logout(client)

    def _babble(self) -> None:
        """Bytes that are no MQTT, and a connection that says nothing."""
        port = self._broker.plan.port if self.role != "page" else self._broker.plan.websockets_port
        noise = self._rng.randbytes(self._rng.randrange(1, 200))
        with socket.create_connection(("127.0.0.1", port), 2.0) as plain:
            plain.settimeout(2.0)
            if self.role == "page":
                plain.sendall(noise)
                time.sleep(STAY_S)
                return
            context = self._broker.context(self.role)
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                secured.sendall(noise)
                time.sleep(STAY_S)

    def _login(self, client_id: str) -> Client | None:
        page = self.role == "page"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            transport="websockets" if page else "tcp",
            reconnect_on_failure=False,
        )
        if page:
            client.username_pw_set("page", self._broker.page_password())
        else:
            client.tls_set_context(self._broker.context(self.role))
        connected = threading.Event()

        def on_connect(_c: Any, _u: Any, _f: Any, code: Any, _p: Any) -> None:
            if not code.is_failure:
                connected.set()

        client.on_connect = on_connect
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = SESSION_EXPIRY_S
        plan = self._broker.plan
        where = ("127.0.0.1", plan.websockets_port) if page else ("localhost", plan.port)
        client.connect(*where, clean_start=False, properties=expiry)
        client.loop_start()
        if connected.wait(CONNECT_TIMEOUT_S):
            self.logins += 1
            return client
        self._logout(client)
        return None

    def _logout(self, client: Client) -> None:
        client.disconnect()
        client.loop_stop()
