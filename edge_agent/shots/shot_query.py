"""Question for shots: by time, mold, press, system, lot, order and quality status, in pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ShotQuery:
    """Filter of shots; everything that is not given does not matter."""

    since: datetime | None = None
    """Poured then or later."""
    until: datetime | None = None
    """Poured before."""
    mold_id: str | None = None
    press: str | None = None
    system_id: str | None = None
    lot: str | None = None
    """Lot of the polyol, the isocyanate or the additives."""
    order_id: str | None = None
    quality_status: str | None = None
    """OK, MARGINAL or FAIL."""
    limit: int | None = None
    """At most so many shots."""
    offset: int = 0
    """So many shots that fit are passed over first."""

    @property
    def words(self) -> str:
        """What is asked for, as a text: ``mold A, from 2026-01-01 00:00 UTC``."""
        said = [
            f"{name} {value}"
            for name, value in (
                ("mold", self.mold_id),
                ("press", self.press),
                ("system", self.system_id),
                ("lot", self.lot),
                ("order", self.order_id),
                ("status", self.quality_status),
            )
            if value is not None
        ]
        if self.since is not None:
            said.append(f"from {self.since:%Y-%m-%d %H:%M} UTC")
        if self.until is not None:
            said.append(f"before {self.until:%Y-%m-%d %H:%M} UTC")
        return ", ".join(said) or "all shots"
