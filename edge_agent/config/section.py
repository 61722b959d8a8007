"""Base of the sections of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Fields of a section: no other ones, finite numbers, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
