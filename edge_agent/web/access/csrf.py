"""Protection of forms: a request that a browser sends for another site's page is refused.

Two guards, both needed: the page that sends is one of ours (Origin, or Sec-Fetch-Site), and it has
a token that only our pages get, made from the cookie it is sent with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from edge_agent.web.access.secret_key import SecretKey

FIELD, HEADER = "csrf_token", "x-csrf-token"
"""Name of the hidden field of a form, and of the header that a script sends."""
_PURPOSE = "csrf"


def form_token(key: SecretKey, cookie: str) -> str:
    """The token of the forms that are shown to the browser with this cookie."""
    return key.mac(_PURPOSE, cookie)


def is_form_token(key: SecretKey, cookie: str, token: str) -> bool:
    """True if the form was shown to the browser with this cookie."""
    return bool(cookie) and key.is_mac(_PURPOSE, cookie, token)


def is_own_page(headers: Mapping[str, str], own: str, others: Collection[str] = ()) -> bool | None:
    """True if the page that sends a request is ours; None when the request does not say.

    Browsers say so with every request that changes something; programs do not.

    Args:
        headers: of the request, names in small letters.
        own: our scheme, host and port, as the browser has them.
        others: such origins of other pages that are ours, too.
    """
    origin = headers.get("origin")
    if origin is None and headers.get("referer"):
        parts = urlsplit(headers["referer"])
        origin = f"{parts.scheme}://{parts.netloc}"
    if origin is not None:
        return _plain(origin) in {_plain(one) for one in (own, *others)}
    site = headers.get("sec-fetch-site")
    return None if site is None else site in {"same-origin", "none"}


def _plain(origin: str) -> str:
    origin = origin.casefold().rstrip("/")
    scheme, _, host = origin.partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme, "")
    return f"{scheme}://{host.removesuffix(usual) if usual else host}"
