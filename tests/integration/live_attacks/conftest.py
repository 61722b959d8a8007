"""The press of a story: each message alone, and all in one batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support.stories")

from tests.support.case_press import AT_ONCE, CasePress  # noqa: E402


@pytest.fixture(params=[1, AT_ONCE], ids=["one by one", "one batch"])
def press(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CasePress]:
    """An agent with one press."""
    found = CasePress(tmp_path, "p01", request.param)
    yield found
    found.close()
