"""Settings of the pages."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_agent.config.web_settings import WebSettings


def test_a_zone_that_there_is_not_is_refused() -> None:
    for name in ("Europe/Nowhere", "../etc/passwd", ""):
        with pytest.raises(ValidationError, match="no time zone that this machine knows"):
            WebSettings(time_zone=name)
