#!/usr/bin/env python3
"""Make the passwords of deploy/compose.yaml in deploy/compose/secrets; what is there is kept.

Standard library only. `mosquitto-passwd` has the hashes of the users' passwords, as
mosquitto_passwd makes them (PBKDF2-SHA512); the plain ones stay in the files `mqtt-password`
(twin), `mqtt-press1`, `mqtt-gateway`, `mqtt-web` and `mqtt-scada`.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from base64 import b64encode
from pathlib import Path

USERS = {
    "twin": "mqtt-password",
    "press1": "mqtt-press1",
    "gateway": "mqtt-gateway",
    "web": "mqtt-web",
    "scada": "mqtt-scada",
}
"""MQTT users of `acl`, and the file with the password of each."""
OUTWARD = ("smtp-password", "alert-webhook-url")
"""Given by others, for prometheus/alertmanager.yml; docs/operations.md says how."""
ITERATIONS = 100_000


def main(folder: Path) -> None:
    """Make what is missing."""
    # each file is readable for the containers' users, the folder only for its owner
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (*USERS.values(), "postgres-password", "grafana-password"):
        keep(folder / name, secrets.token_hex(24))
    for name in OUTWARD:
        if keep(folder / name, f"put-your-{name}-here\n"):
            print(f"  nobody is notified by it until you put yours into {folder / name}")
    postgres = (folder / "postgres-password").read_text()
    keep(folder / "history-url", f"postgresql://twin:{postgres}@timescaledb:5432/twin")
    users = folder / "mosquitto-passwd"
    keep(users, "")
    known = {line.partition(":")[0] for line in users.read_text().splitlines()}
    with users.open("a") as file:  # a newer compose file may have another user
        for user in USERS.keys() - known:
            file.write(f"{user}:{hashed((folder / USERS[user]).read_text())}\n")


def keep(path: Path, content: str) -> bool:
    """Write a file unless it is there; whether it was written."""
    if path.exists():
        return False
    path.write_text(content)
    path.chmod(0o644)
    print(f"made {path}")
    return True


def hashed(password: str) -> str:
    """A password as Mosquitto 2 stores it."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${b64encode(salt).decode()}${b64encode(key).decode()}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets")
