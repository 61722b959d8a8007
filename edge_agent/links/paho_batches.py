"""paho's client, quicker where it works for every message that arrives, and never at a loss.

paho makes tables of MQTT 5's properties anew for each packet, asks the system for a byte at a time,
and needs three objects and two locks a message; that was half of the agent's work (measured in
``tests/benchmarks/test_receive.py``). Here a packet becomes an ``Incoming`` at once, one read takes
many packets, and one write acknowledges many. Whatever is not a PUBLISH stays paho's; what it
raises there ends the connection, with the reason in ``trouble``.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Literal

from paho.mqtt.client import (
    MQTT_ERR_SUCCESS,
    PINGREQ,
    PUBACK,
    PUBLISH,
    Client,
    MQTTv5,
    time_func,
)
from paho.mqtt.enums import MessageType, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.links.publish_packet import (
    Incoming,
    UnreadablePacket,
    packet_id,
    read_publish,
    remaining_length,
)

READ_BYTES = 65_536
UNSPECIFIED = 0x80
"""Reason code of a PUBACK that says no more than that the message was refused."""
_PUBACK = struct.Struct("!BBH")
_PINGREQ = b"\xc0\x00"
_KNOWN_TO_PAHO = {0x00, 0x10, UNSPECIFIED, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
"""Of a PUBACK; Mosquitto also sends 0x95, others 0x89, and paho would end the connection."""
_NAMES = {0: "packet of type 0"} | {kind.value: kind.name for kind in MessageType}


class QuickPaho(Client):
    """A client that was made by paho becomes this one by its ``__class__``."""

    on_incoming: Callable[[Incoming], None]
    """Takes every message, and every PUBLISH that cannot be read."""
    trouble: str | None = None
    """What could not be read, when that ended the connection."""
    puback_code = 0
    """Reason code of the PUBACK that is being read, as the broker sent it."""
    _read, _taken = b"", 0
    pings_sent = pings_answered = 0
    """PINGREQ of this connection, and the answers to them."""
    on_ping_answered: Callable[[], None] | None = None
    farewell: ReasonCode | None = None
    """Said in the DISCONNECT (MQTT 5); by default that all is well."""

    def publish_and_ping(self, topic: str, payload: bytes) -> int:
        """PUBLISH with QoS 0 and a PINGREQ behind it, in one write; gives the ping's number.

        A broker works on the packets of a connection in their order: when it answers the ping it
        has worked on the message.
        """
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name
        if self._protocol == MQTTv5:
            body += b"\0"
        length = bytearray()
        left = len(body) + len(payload)
        while True:
            left, digit = left >> 7, left & 0x7F
            length.append(digit | (0x80 if left else 0))
            if not left:
                break
        packets = bytes([PUBLISH]) + length + body + payload + _PINGREQ
        self.pings_sent += 1
        self._ping_t = self._ping_t or time_func()
        self._packet_queue(PINGREQ, packets, 0, 0)
        return self.pings_sent

    def disconnect(
        self, reasoncode: ReasonCode | None = None, properties: Properties | None = None
    ) -> MQTTErrorCode:
        """Disconnect with the ``farewell``."""
        if self._protocol == MQTTv5:
            reasoncode = reasoncode or self.farewell
        return super().disconnect(reasoncode, properties)

    def _send_pingreq(self) -> MQTTErrorCode:
        self.pings_sent += 1
        return super()._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        code = super()._handle_pingresp()
        self.pings_answered += 1
        if self.pings_answered < self.pings_sent:
            self._ping_t = time_func()  # the next one is owed
        if self.on_ping_answered is not None:
            self.on_ping_answered()
        return code

    def acknowledge(self, mids: Iterable[int]) -> None:
        """PUBACK for each id, in one write."""
        packets = b"".join(_PUBACK.pack(PUBACK, 2, mid) for mid in mids)
        if packets:
            self._packet_queue(PUBACK, packets, 0, 1)

    def flush(self) -> None:
        """Write what waits, if there is a connection; what goes wrong the event loop finds, too."""
        if self._sock is not None:
            with suppress(Exception):
                self.loop_write()

    def drop(self) -> None:
        """Close the socket if it is still open; nobody is told."""
        self._sock_close()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Wrap a socket as paho does; close it when the handshake fails, which paho does not."""
        assert self._ssl_context is not None
        with ExitStack() as to_close:
            to_close.callback(tcp_sock.close)
            wrapped = self._ssl_context.wrap_socket(
                tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
            )
            to_close.callback(wrapped.close)
            wrapped.settimeout(self._connect_timeout)
            wrapped.do_handshake()
            to_close.pop_all()
        return wrapped

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read as paho does, until all is used up: the event loop reports only on the socket."""
        try:
            if self._reads_ahead():
                self._take_publishes()
                if self._taken == len(self._read):
                    return MQTT_ERR_SUCCESS
        except Exception as error:
            return self._lost(error)
        while True:
            try:
                code = super().loop_read(max_packets)
                if code == MQTT_ERR_SUCCESS:
                    self._take_publishes()
            except Exception as error:
                return self._lost(error)
            if code != MQTT_ERR_SUCCESS or self._taken == len(self._read):
                return code

    def _lost(self, error: Exception) -> MQTTErrorCode:
        self.trouble = f"reading from the broker failed: {error!r}"
        return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)

    def _reads_ahead(self) -> bool:
        """Read what has come, if no packet is half read; paho finds out what hinders it."""
        if self._taken < len(self._read) or self._in_packet["command"]:
            return False
        with suppress(OSError):
            self._read, self._taken = super()._sock_recv(READ_BYTES), 0
            with self._msgtime_mutex:
                self._last_bytes_received = time_func()
            return bool(self._read)
        return False

    def loop_misc(self) -> MQTTErrorCode:
        """Do paho's regular work; an error of it ends the connection."""
        try:
            return super().loop_misc()
        except Exception as error:
            self.trouble = f"keeping the connection alive failed: {error!r}"
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._taken == len(self._read):
            self._read, self._taken = super()._sock_recv(READ_BYTES), 0
        taken = self._read[self._taken : self._taken + bufsize]
        self._taken += len(taken)
        return taken

    def _packet_handle(self) -> MQTTErrorCode:
        kind = self._in_packet["command"] & 0xF0
        try:
            code = super()._packet_handle()
        except Exception as error:  # whatever a library raises over these bytes
            words = str(error) or repr(error)
            self.trouble = f"the broker sent a {_NAMES[kind]} that cannot be read: {words}"
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if code == MQTTErrorCode.MQTT_ERR_PROTOCOL and kind != MessageType.CONNACK:
            self.trouble = f"the broker sent a {_NAMES[kind]}, which breaks the protocol"
        return code

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        """As paho's; a reason code that it does not know becomes one that it knows."""
        packet = bytearray(self._in_packet["packet"])
        self.puback_code = packet[2] if len(packet) > 2 else 0
        if self.puback_code not in _KNOWN_TO_PAHO:
            packet[2] = UNSPECIFIED
            self._in_packet["packet"] = packet
        return super()._handle_pubackcomp(cmd)

    def _take_publishes(self) -> None:
        """Take the messages that are whole in what was read, without paho's steps for each."""
        read, at = self._read, self._taken
        while self._in_packet["command"] == 0 and at < len(read) and read[at] & 0xF0 == PUBLISH:
            length, body = remaining_length(read, at + 1)
            if length is None or body + length > len(read):
                break
            start, packet = read[at:body], read[body : body + length]
            try:
                message = self._message(start, packet)
            except UnreadablePacket:
                break  # paho comes to it, and ends the connection
            at = self._taken = body + length
            self.on_incoming(message)

    def _handle_publish(self) -> MQTTErrorCode:
        start = bytes([self._in_packet["command"], *self._in_packet["remaining_count"]])
        self.on_incoming(self._message(start, bytes(self._in_packet["packet"])))
        return MQTT_ERR_SUCCESS

    def _message(self, start: bytes, packet: bytes) -> Incoming:
        """The message of a packet, or what cannot be read of it, to be kept and acknowledged.

        Args:
            start: the fixed header.
            packet: what follows it.

        Raises:
            UnreadablePacket: it cannot be acknowledged either.
        """
        qos = start[0] >> 1 & 3
        if qos > 1:
            raise UnreadablePacket(f"QoS {qos}, and we subscribe with QoS 1")
        try:
            message = read_publish(packet, qos, self._protocol == MQTTv5)
        except UnreadablePacket as error:
            mid = packet_id(packet) if qos else 0
            if qos and not mid:
                words = f"no packet id, so it cannot be acknowledged; {error}"
                raise UnreadablePacket(words) from None
            message = Incoming("", start + packet, None, mid, qos, str(error))
        message.retained = bool(start[0] & 1)
        message.repeated = bool(start[0] & 8)
        return message
