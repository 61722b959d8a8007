"""Who asks for a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from edge_agent.web.pages.asking import who


@pytest.mark.parametrize(
    ("kind", "name", "known"),
    [
        ("user", "anna", "anna"),
        ("user", "anonymous", "anonymous"),  # a name like another
        ("anonymous", "anonymous", None),
    ],
)
def test_a_person_is_known_by_the_login_not_by_the_name(
    kind: str, name: str, known: str | None
) -> None:
    principal = SimpleNamespace(kind=kind, name=name)
    request: Any = SimpleNamespace(state=SimpleNamespace(principal=principal))
    assert who(cast(Request, request)) == known


def test_nobody_is_known_without_the_gate() -> None:
    request: Any = SimpleNamespace(state=SimpleNamespace())
    assert who(cast(Request, request)) is None
