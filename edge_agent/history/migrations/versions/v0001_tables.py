"""Tables, the hypertable of telemetry, indexes, and the roll-up by the minute.

Works on TimescaleDB of either licence and on plain PostgreSQL (version 14 and later).
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE telemetry (
    site text NOT NULL, press text NOT NULL, device_id text NOT NULL, ts timestamptz NOT NULL,
    seq bigint NOT NULL, mold_id text, shot_id text, sensors jsonb, metrics jsonb, status jsonb,
    simulated boolean,
    PRIMARY KEY (site, press, device_id, ts, seq));
CREATE INDEX telemetry_shot ON telemetry (shot_id, ts);

CREATE TABLE shot (
    site text NOT NULL, press text NOT NULL, shot_id text NOT NULL, mold_id text, system_id text,
    outcome text, started_at timestamptz, poured_at timestamptz, closed_at timestamptz,
    t_demold_actual_s double precision, "T_core_max_C" double precision,
    p_cavity_max_bar double precision, frames_count bigint, recipe jsonb, simulated boolean,
    PRIMARY KEY (site, press, shot_id));
CREATE INDEX shot_mold ON shot (mold_id, poured_at);
CREATE INDEX shot_poured ON shot (poured_at);

CREATE TABLE prediction (
    site text NOT NULL, press text NOT NULL, shot_id text NOT NULL, basis text NOT NULL,
    revision bigint NOT NULL, mold_id text, system_id text, issued_at timestamptz,
    poured_at timestamptz, status text, t_demold_min_s double precision,
    t_demold_opt_s double precision, t_demold_max_s double precision, quality_status text,
    pressure_status text, defect_risk double precision, document jsonb, simulated boolean,
    PRIMARY KEY (site, press, shot_id, basis, revision));

CREATE TABLE quality (
    site text NOT NULL, press text NOT NULL, shot_id text NOT NULL, ts timestamptz NOT NULL,
    mold_id text, rho_moulded_kg_per_m3 double precision,
    rho_free_rise_kg_per_m3 double precision, "H_demold_shore" double precision,
    "H_24h_shore" double precision, defects jsonb, defect_risk_operator double precision,
    document jsonb, simulated boolean,
    PRIMARY KEY (site, press, shot_id, ts));

CREATE TABLE dead_letter (
    id text NOT NULL PRIMARY KEY, site text, press text, ts timestamptz, topic text, reason text,
    detail text, payload_base64 text, payload_bytes_count bigint, payload_sha256 text);
CREATE INDEX dead_letter_ts ON dead_letter (ts);

CREATE TABLE telemetry_1m (
    site text NOT NULL, press text NOT NULL, device_id text NOT NULL, sensor text NOT NULL,
    bucket timestamptz NOT NULL, mold_id text NOT NULL, count bigint NOT NULL,
    min double precision NOT NULL, mean double precision NOT NULL, max double precision NOT NULL,
    PRIMARY KEY (site, press, device_id, sensor, mold_id, bucket));
CREATE INDEX telemetry_1m_bucket ON telemetry_1m (bucket);

CREATE TABLE rollup_due (
    site text NOT NULL, press text NOT NULL, bucket timestamptz NOT NULL,
    PRIMARY KEY (bucket, site, press));
"""


def upgrade() -> None:
    """Apply."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    if _has_timescale():
        op.execute("SELECT create_hypertable('telemetry', by_range('ts', INTERVAL '1 day'))")


def _has_timescale() -> bool:
    """Is the extension here, made now if it may be?"""
    connection = op.get_bind()
    offered = text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
    made = text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    if connection.scalar(made) is None and connection.scalar(offered) is not None:
        superuser = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if connection.scalar(superuser):
            op.execute("CREATE EXTENSION timescaledb")
    return connection.scalar(made) is not None
