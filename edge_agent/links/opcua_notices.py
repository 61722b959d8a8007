"""Log lines of an OPC UA source: what a server gives less than it was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edge_agent.links.opcua_items import Created
from edge_agent.links.opcua_session import ServerFacts
from edge_agent.logs import get_logger


class Notices:
    """Writes them, with source and address."""

    def __init__(self, name: str, url: str) -> None:
        self._log = get_logger().bind(reason=name, host=url)

    def moved(self, named: Mapping[int, str], here: Sequence[str]) -> None:
        """Tell that namespaces have other indices than in the mapping."""
        missing = [index for index, uri in named.items() if not uri and index >= len(here)]
        if missing:
            self._log.warning(
                "namespaces_missing",
                detail=", ".join(f"ns={index}" for index in missing)[:500],
                hint=f"the server has ns=0 to ns={len(here) - 1}: correct the mapping",
            )
        moved = {
            index: uri for index, uri in named.items() if uri and uri not in here[index : index + 1]
        }
        if moved:
            self._log.warning(
                "namespaces_moved",
                detail=", ".join(f"ns={index} was {uri}" for index, uri in moved.items())[:500],
                hint="the tags follow their namespace; write nsu=URI instead of ns= in the mapping",
            )

    def certificate(self, known: str, facts: ServerFacts, *, pinned: bool) -> None:
        """Tell the fingerprint of a server's certificate that nobody has given us, once."""
        if pinned or facts.certificate in {"", known}:
            return
        hint = "copy the server's certificate and name it as server_cert_file: no other is taken"
        if known:
            self._log.warning(
                "server_certificate_changed",
                detail=f"{facts.certificate}, before {known}",
                hint=hint,
            )
        else:
            self._log.info("server_certificate_seen", detail=facts.certificate, hint=hint)

    def slowed(self, asked_ms: float, given_ms: float) -> None:
        """Tell that the server sends less often than asked."""
        if given_ms > 1.01 * asked_ms:
            words = f"asked {asked_ms:g} ms, the server gives {given_ms:g} ms"
            self._log.warning("subscription_slowed", detail=words)

    def reduced(self, created: Created) -> None:
        """Tell of tags at which the server looks less often, or for which it keeps less."""
        for words, tags in (
            ("looks at tags less often than asked [ms]", created.slower),
            ("keeps shorter queues than asked", created.shorter),
        ):
            if tags:
                tag, value = next(iter(tags.items()))
                self._log.warning(
                    "subscription_reduced",
                    detail=f"the server {words}: {tag}: {value:g}",
                    count=len(tags),
                )

    def lost(self, tags: Iterable[str], why: str) -> None:
        """Tell that values were lost on the way, unless the history has them."""
        tags = sorted(tags)
        self._log.warning(
            "values_lost",
            detail=f"{why}: {', '.join(tags)[:200]}",
            count=len(tags),
            hint="where the server has a history it was read instead; a longer queue of the tag "
            "bridges a longer time",
        )
