"""Schemathesis on the whole OpenAPI: no server error, and no answer that is not documented."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from broker.local.mosquitto import MosquittoProcess
from tests.integration.web.test_rest import ROWS
from tests.support.web_access import bearer
from tests.support.web_app import WebProcess, put_rows

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
UNAVAILABLE = {("/ml/predict", 503): "ML_UNAVAILABLE"}
"""Answers above 500 that are meant: no model is promoted."""
EXAMPLES = 8


@pytest.fixture
async def web(tmp_path: Path, broker: MosquittoProcess) -> AsyncIterator[WebProcess]:
    await put_rows(tmp_path / "history.db", ROWS)
    limits = {"requests_per_minute": 1_000_000, "computations_per_minute": 1_000_000}
    with WebProcess(tmp_path, broker.port, web=limits) as process:
        yield process


def test_every_operation_answers_as_it_says(web: WebProcess) -> None:
    scopes = [
        f"--scope={scope}" for scope in ("read", "simulate", "quality", "alerts", "advice", "admin")
    ]
    made = web.run("token", "add", "tester", "--role", "admin", *scopes)
    headers = bearer(made.stdout.splitlines()[0])
    schema = schemathesis.openapi.from_url(f"{web.address}/api/v1/openapi.json", headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 15
    for operation in operations:
        cases = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )

        @settings(
            max_examples=EXAMPLES, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(cases)
        def answers(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            code = UNAVAILABLE.get((case.path, response.status_code))
            if code is None:
                case.validate_response(response, checks=[not_a_server_error, *CHECKS])
            else:
                assert response.json()["code"] == code
                case.validate_response(response, checks=CHECKS)

        answers()
    log = web.log.read_text()
    assert '"level": "error"' not in log
    assert "Traceback" not in log
