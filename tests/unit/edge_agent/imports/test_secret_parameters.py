"""Names of parameters that are secrets, and those that only look so."""

from __future__ import annotations

import pytest

from edge_agent.imports.secret_parameters import is_secret, secret_in

SECRETS = (
    "api_key APIKEY x-api-key key accessToken accesstoken authtoken clientsecret accesskey jwt "
    "bearer passphrase pwd Ocp-Apim-Subscription-Key"
)


@pytest.mark.parametrize("name", SECRETS.split())
def test_a_secret_by_its_name(name: str) -> None:
    assert is_secret(name)
    assert secret_in(f"since=2026&{name}=x") == name


@pytest.mark.parametrize("name", ["keyword", "sort_key", "page", "since", "author", "mold"])
def test_no_secret(name: str) -> None:
    assert not is_secret(name)
