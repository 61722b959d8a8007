"""TLS of the web server: its certificate and key."""

from __future__ import annotations

import ssl

from edge_agent.config.secret_files import SecretFileError, resolved
from edge_agent.config.web_settings import WebSettings
from edge_agent.errors import SettingsError


def server_tls(settings: WebSettings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with the certificate of the settings; None where none is named.

    Raises:
        SettingsError: naming field, file and the way out.
    """
    if settings.cert_file is None or settings.key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    words = f"web.cert_file: {settings.cert_file}, web.key_file: {settings.key_file}"
    try:
        context.load_cert_chain(
            resolved("web.cert_file", settings.cert_file),
            resolved("web.key_file", settings.key_file),
            password=lambda: "",  # else it would be asked for
        )
    except SecretFileError as error:
        raise SettingsError(str(error)) from None
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError(
            f"{words}: are no certificate and its key in PEM, without a password: {error}"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{words}: cannot be read: {error.strerror}: the web's user must be able to"
        ) from None
    return context
