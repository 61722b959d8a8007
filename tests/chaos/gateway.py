"""The gateway of a press: a client of its own that keeps every message until it is safe.

A PUBACK of Mosquitto is no promise for the case that Mosquitto itself is killed: it loses what it
has not saved yet. Nor is it one when nobody subscribes (MQTT 5 then says ``no matching
subscribers``). So this gateway does what a good one does: at every new connection it sends all that
is not confirmed again, in the old order and before anything new, and a message that met no
subscriber counts as not taken. The agent removes the repeats by key.
"""

from __future__ import annotations

import queue
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.chaos.script import Sent

WINDOW = 50
"""Messages under way at once; a single one until the first is taken."""
CONNECT_TIMEOUT_S = 2.0
PAUSE_S = 0.05


class Gateway(threading.Thread):
    """Sends the messages of one press at ``rate_per_s`` and remembers every one of them."""

    def __init__(
        self,
        port: int,
        name: str,
        script: Iterator[Sent],
        rate_per_s: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            context: TLS with the certificate of the press; plain MQTT without.
        """
        super().__init__(name=f"gateway-{name}", daemon=True)
        self._context = context
        self._client_id = f"{self.name}-{secrets.token_hex(8)}"  # nobody can take its session
        self.ledger: list[Sent] = []
        """Everything the press ever had to say, in order."""
        self.confirmed = 0
        """How many of them, from the first on, are known to be safe: never sent again."""
        self.sent_again = 0
        self._port, self._script, self._rate = port, script, rate_per_s
        self._waiting: deque[Sent] = deque()
        self._results: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._talking, self._ended = threading.Event(), threading.Event()
        self._due = time.monotonic()
        self.problem: BaseException | None = None

    def talk(self) -> None:
        """Let the press have something to say, from now on."""
        self._due = time.monotonic()
        self._talking.set()

    def hush(self) -> None:
        """No new messages; what is not acknowledged is still sent."""
        self._talking.clear()

    def end(self) -> None:
        """Close the connection, and wait for it."""
        self._ended.set()
        self.join(10)

    def acknowledged(self) -> int:
        """Messages that the broker has acknowledged at least once."""
        return sum(sent.first_acked is not None for sent in list(self.ledger))

    def is_through(self) -> bool:
        """Has the broker taken everything there is to say?"""
        return not self._talking.is_set() and all(
            sent.first_acked is not None for sent in self.ledger[self.confirmed :]
        )

    def run(self) -> None:
        """See ``Thread.run``: connect again and again, until the end."""
        try:
            while not self._ended.is_set():
                self._produce()
                client = self._connected()
                if client is None:
                    time.sleep(PAUSE_S)
                    continue
                try:
                    while client.is_connected() and not self._ended.is_set():
                        self._work(client)
                finally:
                    client.disconnect()
                    client.loop_stop()
        except BaseException as problem:
            self.problem = problem
            raise

    def _produce(self) -> None:
        """What the press had to say since the last time, connected or not."""
        while self._talking.is_set() and self._due <= time.monotonic():
            self._due += 1.0 / self._rate
            sent = next(self._script)
            self.ledger.append(sent)
            self._waiting.append(sent)

    def _connected(self) -> Client | None:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(WINDOW)
        if self._context is not None:
            client.tls_set_context(self._context)
        self._results = results = queue.SimpleQueue()
        connected = threading.Event()

        def on_connect(_c: Any, _u: Any, _f: Any, code: Any, _p: Any) -> None:
            if not code.is_failure:
                connected.set()

        def on_publish(_c: Any, _u: Any, mid: int, code: Any, _p: Any) -> None:
            results.put((mid, code.value))

        client.on_connect, client.on_publish = on_connect, on_publish
        try:
            client.connect("localhost" if self._context else "127.0.0.1", self._port)
        except OSError:
            return None
        client.loop_start()
        if connected.wait(CONNECT_TIMEOUT_S):
            return client
        client.loop_stop()
        return None

    def _work(self, client: Client) -> None:
        """Send all that is not confirmed, then what is new; ends when something was not taken."""
        self._waiting = deque(self.ledger[self.confirmed :])
        under_way: dict[int, Sent] = {}
        window, all_taken = 1, True
        while client.is_connected() and not self._ended.is_set():
            self._produce()
            while all_taken and self._waiting and len(under_way) < window:
                sent = self._waiting.popleft()
                sent.attempts += 1
                self.sent_again += sent.attempts > 1
                info = client.publish(sent.topic, sent.payload(), qos=1)
                if info.rc != MQTT_ERR_SUCCESS:
                    return
                under_way[info.mid] = sent
            for mid, code in self._answers():
                sent = under_way.pop(mid)
                if code == 0:
                    sent.first_acked, window = sent.first_acked or sent.attempts, WINDOW
                else:  # nobody subscribes yet, or the broker is not ready
                    all_taken = False
            if not all_taken and not under_way:
                time.sleep(PAUSE_S)
                return

    def _answers(self) -> Iterator[tuple[int, int]]:
        try:
            yield self._results.get(timeout=0.004)
            while True:
                yield self._results.get_nowait()
        except queue.Empty:
            return
