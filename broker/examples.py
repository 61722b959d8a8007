"""An example of every message: one shot on a press, as it travels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from broker import alert_codes
from broker.data_quality import FROM_RECIPE, IMPOSSIBLE, NO_VALUE
from broker.messages import (
    AgentStatus,
    Alert,
    Binding,
    Correction,
    DataQuality,
    DeadLetter,
    Diagnostic,
    EarlierRecord,
    Handover,
    Interval,
    Kpis,
    LeftOut,
    Message,
    Order,
    Prediction,
    PressEvent,
    QualityRecord,
    Received,
    ReceivedOf,
    Recipe,
    SeqRange,
    ShotEvent,
    ShotKpis,
    TelemetryFrame,
    TwinStatus,
    Versions,
)
from broker.topics import PressAddress

SITE, PRESS, MOLD, SHOT, SYSTEM = "plant1", "press1", "PANEL_500x500x50", "S-1042", "SYSTEM_R1"
AGENT, GROUP, RUN = "press-pc", "hall-2", "8c2f41d09ab7"
POURED: Final = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return POURED + timedelta(seconds=seconds)


_PREDICTION: Final = Prediction(
    site=SITE,
    press=PRESS,
    shot_id=SHOT,
    mold_id=MOLD,
    system_id=SYSTEM,
    issued_at=_at(305.2),
    basis="final",
    revision=4,
    status="predicted",
    poured_at=POURED,
    t_demold_min_s=91.2,
    t_demold_opt_s=120.0,
    t_demold_max_s=900.0,
    demold_min_at=_at(91.2),
    demold_opt_at=_at(120.0),
    demold_max_at=_at(900.0),
    kpis=Kpis(
        rho_moulded_kg_per_m3=64.0,
        rho_free_rise_kg_per_m3=38.5,
        p_max_bar=1.42,
        T_core_max_C=114.2,
        t_T_core_max_s=182.0,
        t_cream_s=12.0,
        t_gel_s=55.0,
        t_rise_s=78.0,
        t_tack_free_s=96.0,
        H_demold_shore=32.0,
        H_24h_shore=41.0,
        alpha_demold=0.86,
        vent_closure_time_s=58.0,
        fill_ratio=1.0,
        nco_oh_index=1.05,
        water_from_polyol_kg=0.0084,
        water_from_rh_kg=0.0001,
        water_effective_kg=0.0085,
    ),
    quality_status="OK",
    pressure_status="SAFE",
    defect_risk=0.08,
    binding=Binding(earliest="hardness", latest="cycle"),
    diagnostics=[
        Diagnostic(
            code="HUMIDITY",
            words="the air adds water to the foam",
            evidence={"RH_ambient_pct": 78.0},
        )
    ],
    substituted=["T_ambient_C: not measured, the recipe's"],
    assumed_parameters_count=7,
    measured={"T_core_C": 111.9},
    simulated_now={"T_core_C": 113.4},
    versions=Versions(
        agent="0.1.0",
        physics="0.1.0",
        physics_hash="22b8623300fc41c1",
        parameters_hash="7d0c1b5e9a3f2468",
        system_version=2,
        model="demold/3",
    ),
    ml_status="ok",
    correction=Correction(
        model="demold/3",
        known_at="demold",
        in_domain=True,
        values={"t_demold_min_s": 98.0},
        intervals={"t_demold_min_s": Interval(low=91.0, high=105.5, coverage=0.9)},
        defect_risk=0.03,
        defects={"void": 0.02},
    ),
    data_quality=DataQuality(
        stood_in={"T_ambient_C": FROM_RECIPE},
        readings_left_out={"T_core_C": {IMPOSSIBLE: 2}, "p_cavity_bar": {NO_VALUE: 1}},
        frames_count=317,
    ),
    received_at=_at(305.1),
)

EXAMPLES: Final[dict[type[Message], Message]] = {
    type(message): message
    for message in (
        TelemetryFrame(
            ts=_at(30.0),
            device_id="plc-1",
            seq=20413,
            mold_id=MOLD,
            shot_id=SHOT,
            sensors={"T_mold_C.1": 45.2, "T_core_C": 61.8, "p_cavity_bar": 1.21},
            metrics={"pump_duty": 0.5},
            status={"mode": "auto", "door_closed": True},
            left_out={"T_mold_C.2": LeftOut(reason=NO_VALUE, words="quality Bad at the gateway")},
        ),
        ShotEvent(
            ts=POURED,
            shot_id=SHOT,
            mold_id=MOLD,
            event="poured",
            system_id=SYSTEM,
            recipe=Recipe(
                m_polyol_kg=0.4,
                m_iso_kg=0.45,
                T_polyol_C=25.0,
                T_iso_C=25.0,
                T_mold_C=45.0,
                RH_ambient_pct=78.0,
            ),
            order_id="4500012345/10",
            lot_polyol="P-2026/0417",
            lot_isocyanate="I-88213",
        ),
        QualityRecord(
            ts=_at(90_000.0),
            shot_id=SHOT,
            mold_id=MOLD,
            rho_moulded_kg_per_m3=63.1,
            H_demold_shore=30.5,
            H_24h_shore=41.0,
            t_demold_safe_s=95.0,
            defects=["void"],
            defect_risk_operator=0.2,
            note="small void beside the insert",
            operator="m.k.",
            source="laboratory",
            record_id="LAB-2026-0931",
            corrects=EarlierRecord(record_id="LAB-2026-0929"),
        ),
        PressEvent(
            ts=_at(-1800.0),
            event="lot_change",
            component="polyol",
            lot="P-2026/0417",
            operator="m.k.",
            note="drum changed between two shots",
            device_id="plc-1",
            seq=18733,
        ),
        Order(
            ts=_at(-7200.0),
            order_id="4500012345/10",
            mold_id=MOLD,
            system_id=SYSTEM,
            recipe=Recipe(m_polyol_kg=0.4, m_iso_kg=0.45, T_mold_C=45.0),
            quantity_count=120,
        ),
        _PREDICTION,
        ShotKpis(
            site=SITE,
            press=PRESS,
            shot_id=SHOT,
            mold_id=MOLD,
            system_id=SYSTEM,
            outcome="demolded",
            started_at=_at(-12.0),
            poured_at=POURED,
            closed_at=_at(305.0),
            t_demold_actual_s=305.0,
            prediction=_PREDICTION,
            T_core_max_C=112.6,
            p_cavity_max_bar=1.39,
            frames_count=317,
            readings_left_out={"T_core_C": {IMPOSSIBLE: 2}, "p_cavity_bar": {NO_VALUE: 1}},
            revision=4,
            received_at=_at(305.1),
        ),
        Alert(
            ts=_at(85.3),
            site=SITE,
            press=PRESS,
            code=alert_codes.OPENED_BEFORE_WINDOW,
            severity="warning",
            words="opened 85.0 s after the end of injection, the window begins at 91.2 s: "
            "check the part before it is used",
            shot_id="S-1041",
            mold_id=MOLD,
            evidence={"t_demold_actual_s": 85.0, "t_demold_min_s": 91.2},
        ),
        DeadLetter.of(
            b'{"v": 1, "ts": "2026-05-04T08:00:30Z", "device_id": "plc-1", "seq": 20414',
            reason="not-json",
            detail="the text ends too early",
            press=PressAddress(SITE, PRESS),
            topic=f"pur/v1/{SITE}/{PRESS}/telemetry",
            ts=_at(31.0),
        ),
        TwinStatus(
            ts=_at(-3600.0),
            site=SITE,
            press=PRESS,
            agent_id=AGENT,
            state="online",
            version="0.1.0",
            started_at=_at(-3605.0),
            run_id=RUN,
            spool={"fill_pct": 0.4},
        ),
        Received(
            ts=_at(31.0),
            site=SITE,
            press=PRESS,
            agent_id=AGENT,
            devices={
                "plc-1": ReceivedOf(
                    seq=20413,
                    ts=_at(30.0),
                    missing=[SeqRange(first_seq=20120, last_seq=20121)],
                )
            },
        ),
        AgentStatus(
            ts=_at(-3600.0),
            site=SITE,
            group=GROUP,
            agent_id=AGENT,
            state="online",
            presses=[PRESS, "press2"],
            version="0.1.0",
            started_at=_at(-3605.0),
            run_id=RUN,
        ),
        Handover(
            ts=_at(60.0),
            site=SITE,
            press=PRESS,
            mold_id=MOLD,
            shot_id=SHOT,
            agent_id=AGENT,
            document='{"shot_id": "S-1042"}',
        ),
    )
}
"""By the model of the message; every message has one."""
