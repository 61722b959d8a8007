"""Hypothesis strategies: arbitrary JSON, and every message of the wire contract."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from broker import messages
from broker.json_values import INT_MAX, INT_MIN
from broker.messages.bad_results import NO_DEFECT
from broker.messages.inbound import QUALITY_NAMES
from broker.messages.recipe import RECIPE_NAMES
from broker.sensors import UNIT_OF_SUFFIX
from broker.timestamps import EARLIEST, LATEST

LETTERS = "ABCXYZabcxyz"
WORD = LETTERS + "0189_"

finite = st.floats(allow_nan=False, allow_infinity=False)
int64 = st.integers(INT_MIN, INT_MAX)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
identifiers = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)
codes = st.from_regex(r"[a-z0-9][a-z0-9_.:-]{0,20}", fullmatch=True)
numbers_of_kind = st.sampled_from(["", ".0", ".1", ".27"])
names = st.builds(
    lambda first, rest, number: first + rest + number,
    st.sampled_from(LETTERS),
    st.text(WORD, max_size=12),
    numbers_of_kind,
)
sensor_names = st.builds(
    lambda first, rest, suffix, number: first + rest + suffix + number,
    st.sampled_from(LETTERS),
    st.text(WORD, max_size=12),
    st.sampled_from(sorted(UNIT_OF_SUFFIX)),
    numbers_of_kind,
)
timestamps = st.datetimes(
    EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC)
)
json_scalars = st.none() | st.booleans() | int64 | finite | texts
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
"""Values that an extra field may hold."""

wild_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([2**63, -(2**63) - 1, 10**4000, "\ud800", "\x00", -1, 1e308]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
"""Anything Python's json module can write, allowed or not."""

labels = texts.filter(bool)
readings = st.dictionaries(names, finite, max_size=4)
evidence = st.dictionaries(names, finite | texts, max_size=3)
shares = st.floats(0, 1)
percents = st.floats(0, 100)
defects = labels.filter(lambda text: text.strip().casefold() not in NO_DEFECT - {""})
masses = st.floats(0, exclude_min=True, allow_infinity=False)
temperatures = st.floats(-50, 250)
counts = st.integers(0, INT_MAX)
counts_by_reason = st.dictionaries(names, st.dictionaries(codes, counts, max_size=2), max_size=2)
sequences = st.integers(0, 2**53)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _model(model: type[messages.WireModel], /, **fields: st.SearchStrategy[Any]) -> Any:
    """Instances of `model`; a field the strategy leaves out (`_maybe`) is often absent."""
    known = {*model.model_fields, *RECIPE_NAMES, *QUALITY_NAMES, "RH_ambient"}
    extras = st.dictionaries(texts.filter(lambda key: key not in known), json_values, max_size=2)
    return st.builds(
        lambda given, more: model.model_validate({**given, **more}),
        st.fixed_dictionaries(fields),
        extras,
    )


_LABEL = {"simulated": st.booleans()}
references = texts.filter(bool)
_SENT = {
    "device_id": _maybe(identifiers),
    "seq": _maybe(sequences),
    "received_at": _maybe(timestamps),
}
_PLACE = {"site": identifiers, "press": identifiers}

recipes = _model(
    messages.Recipe,
    m_polyol_kg=masses,
    m_iso_kg=masses,
    m_additives_kg=st.floats(0, allow_infinity=False),
    T_polyol_C=_maybe(temperatures),
    T_iso_C=_maybe(temperatures),
    T_mold_C=_maybe(temperatures),
    T_ambient_C=_maybe(temperatures),
    RH_ambient_pct=_maybe(percents),
    mixing_eff=_maybe(st.floats(0, 1, exclude_min=True)),
    nco_oh_index=_maybe(st.floats(0.1, 10)),
    blowing_agent_pct=_maybe(st.floats(0, 60, exclude_max=True)),
)

telemetry_frames = _model(
    messages.TelemetryFrame,
    **_LABEL,
    ts=timestamps,
    device_id=identifiers,
    seq=st.integers(0, 2**53),
    mold_id=_maybe(identifiers),
    shot_id=_maybe(identifiers),
    sensors=st.dictionaries(sensor_names, finite, min_size=1, max_size=5),
    metrics=readings,
    status=st.dictionaries(names, texts | st.booleans() | int64 | finite, max_size=4),
    left_out=st.dictionaries(
        names, _model(messages.LeftOut, reason=codes, words=_maybe(texts)), max_size=2
    ),
    received_at=_maybe(timestamps),
)

shot_events = _model(
    messages.ShotEvent,
    **_LABEL,
    ts=timestamps,
    shot_id=identifiers,
    mold_id=identifiers,
    event=st.sampled_from(["started", "poured", "demolded", "aborted"]),
    system_id=identifiers,
    recipe=recipes,
    order_id=_maybe(references),
    lot_polyol=_maybe(references),
    lot_isocyanate=_maybe(references),
    lot_additives=_maybe(references),
    **_SENT,
)

quality_records = _model(
    messages.QualityRecord,
    **_LABEL,
    ts=timestamps,
    shot_id=identifiers,
    mold_id=_maybe(identifiers),
    rho_moulded_kg_per_m3=_maybe(masses),
    rho_free_rise_kg_per_m3=_maybe(masses),
    H_demold_shore=_maybe(percents),
    H_24h_shore=_maybe(percents),
    defects=st.lists(defects, max_size=3),
    t_demold_safe_s=_maybe(masses),
    defect_risk_operator=_maybe(shares),
    scrap=_maybe(st.booleans()),
    note=_maybe(texts),
    operator=_maybe(labels),
    source=_maybe(labels),
    record_id=_maybe(references),
    corrects=_maybe(
        _model(messages.EarlierRecord, record_id=references)
        | _model(messages.EarlierRecord, ts=timestamps)
    ),
    **_SENT,
)

press_events = _model(
    messages.PressEvent,
    **_LABEL,
    ts=timestamps,
    event=st.sampled_from(["lot_change", "maintenance", "cleaning", "sensor_replaced"]),
    mold_id=_maybe(identifiers),
    component=st.sampled_from(["polyol", "isocyanate", "additives"]),
    lot=references,
    sensor=names,
    operator=_maybe(labels),
    note=_maybe(texts),
    **_SENT,
)

orders = _model(
    messages.Order,
    **_LABEL,
    ts=timestamps,
    order_id=references,
    mold_id=_maybe(identifiers),
    system_id=_maybe(identifiers),
    recipe=_maybe(recipes),
    quantity_count=st.integers(1, INT_MAX),
    note=_maybe(texts),
    **_SENT,
)

alert_acks = _model(
    messages.AlertAck,
    **_LABEL,
    ts=timestamps,
    alert_id=identifiers,
    by=labels,
    note=_maybe(texts),
    **_SENT,
)

advised_changes = _model(messages.AdvisedChange, name=names, value=finite, before=_maybe(finite))

proposals = _model(
    messages.AdviceProposal,
    system_id=identifiers,
    lots=st.dictionaries(st.sampled_from(["polyol", "isocyanate", "additives"]), references),
    changes=st.lists(advised_changes, min_size=1, max_size=3),
    why=texts,
    gain_s=_maybe(finite),
    gain_money_per_year=_maybe(finite),
    currency=_maybe(st.just("EUR")),
    expected=readings,
    made_by=_maybe(labels),
)

advice_words = _model(
    messages.AdviceWord,
    **_LABEL,
    ts=timestamps,
    advice_id=identifiers,
    mold_id=identifiers,
    said=st.sampled_from(["proposed", "accepted", "refused", "withdrawn"]),
    by=labels,
    note=_maybe(texts),
    proposal=proposals,
    **_SENT,
)

advices = _model(
    messages.Advice,
    **_LABEL,
    ts=timestamps,
    site=identifiers,
    press=identifiers,
    mold_id=identifiers,
    advice_id=identifiers,
    state=st.sampled_from(["proposed", "accepted", "refused", "withdrawn", "expired"]),
    proposal=proposals,
    proposed_at=timestamps,
    proposed_by=labels,
    accepted_at=_maybe(timestamps),
    accepted_by=_maybe(labels),
    ended_at=_maybe(timestamps),
    ended_by=_maybe(labels),
    reason=_maybe(texts),
    revision=st.integers(1, INT_MAX),
)

kpis = _model(
    messages.Kpis,
    **{
        name: finite if field.is_required() else _maybe(finite)
        for name, field in messages.Kpis.model_fields.items()
    },
)

intervals = st.tuples(finite, finite, shares).flatmap(
    lambda t: _model(
        messages.Interval,
        low=st.just(min(t[0], t[1])),
        high=st.just(max(t[0], t[1])),
        coverage=st.just(t[2]),
    )
)
corrections = _model(
    messages.Correction,
    model=labels,
    known_at=st.sampled_from(["pour", "live", "demold"]),
    in_domain=st.booleans(),
    words=_maybe(texts),
    values=readings,
    intervals=st.dictionaries(names, intervals, max_size=2),
    defect_risk=_maybe(shares),
    defects=st.dictionaries(names, shares, max_size=2),
)
diagnostics = _model(messages.Diagnostic, code=codes, words=texts, evidence=evidence)

predictions = _model(
    messages.Prediction,
    **_LABEL,
    **_PLACE,
    shot_id=identifiers,
    mold_id=identifiers,
    system_id=identifiers,
    issued_at=timestamps,
    basis=st.sampled_from(["poured", "live", "final"]),
    revision=st.integers(1, INT_MAX),
    status=st.sampled_from(["predicted", "hold"]),
    poured_at=timestamps,
    t_demold_min_s=_maybe(finite),
    t_demold_opt_s=_maybe(finite),
    t_demold_max_s=_maybe(finite),
    demold_min_at=_maybe(timestamps),
    demold_opt_at=_maybe(timestamps),
    demold_max_at=_maybe(timestamps),
    kpis=_maybe(kpis),
    quality_status=_maybe(st.sampled_from(["OK", "MARGINAL", "FAIL"])),
    pressure_status=_maybe(st.sampled_from(["SAFE", "NEAR_LIMIT", "OVER_LIMIT"])),
    defect_risk=_maybe(shares),
    binding=_model(messages.Binding, earliest=_maybe(labels), latest=_maybe(labels)),
    diagnostics=st.lists(diagnostics, max_size=2),
    substituted=st.lists(labels, max_size=3),
    assumed_parameters_count=counts,
    measured=readings,
    simulated_now=readings,
    versions=_model(
        messages.Versions,
        agent=labels,
        physics=labels,
        physics_hash=labels,
        parameters_hash=labels,
        model=_maybe(labels),
    ),
    ml_status=codes,
    correction=_maybe(corrections),
    shadow=_maybe(corrections),
    data_quality=_maybe(
        _model(
            messages.DataQuality,
            stood_in=st.dictionaries(names, codes, max_size=2),
            readings_left_out=counts_by_reason,
            frames_count=_maybe(counts),
            clock_offset_s=_maybe(finite),
            flags=st.lists(codes, max_size=2),
        )
    ),
    corrected=st.lists(codes, max_size=2),
    received_at=_maybe(timestamps),
    valid_until=_maybe(timestamps),
)

shot_kpis = _model(
    messages.ShotKpis,
    **_LABEL,
    **_PLACE,
    shot_id=identifiers,
    mold_id=identifiers,
    system_id=identifiers,
    outcome=st.sampled_from(["demolded", "aborted", "superseded", "timed_out"]),
    started_at=_maybe(timestamps),
    poured_at=_maybe(timestamps),
    closed_at=timestamps,
    t_demold_actual_s=_maybe(st.floats(0, allow_infinity=False)),
    prediction=_maybe(predictions),
    T_core_max_C=_maybe(finite),
    p_cavity_max_bar=_maybe(finite),
    frames_count=counts,
    readings_left_out=counts_by_reason,
    revision=_maybe(st.integers(1, INT_MAX)),
    corrected=st.lists(codes, max_size=2),
    received_at=_maybe(timestamps),
)

received = _model(
    messages.Received,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    agent_id=_maybe(identifiers),
    devices=st.dictionaries(
        identifiers,
        _model(
            messages.ReceivedOf,
            seq=sequences,
            ts=timestamps,
            missing=st.lists(
                _model(messages.SeqRange, first_seq=sequences, last_seq=sequences), max_size=2
            ),
        ),
        max_size=3,
    ),
)

alerts = _model(
    messages.Alert,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    code=codes,
    severity=st.sampled_from(["info", "warning", "critical"]),
    words=texts,
    shot_id=_maybe(identifiers),
    mold_id=_maybe(identifiers),
    evidence=evidence,
    alert_id=_maybe(identifiers),
    ends_by=_maybe(st.sampled_from(["condition", "acknowledgement"])),
)

live_alerts = _model(
    messages.LiveAlert,
    alert_id=identifiers,
    code=codes,
    severity=st.sampled_from(["info", "warning", "critical"]),
    words=texts,
    shot_id=_maybe(identifiers),
    mold_id=_maybe(identifiers),
    evidence=evidence,
    simulated=st.booleans(),
    ends_by=st.sampled_from(["condition", "acknowledgement"]),
    raised_at=timestamps,
    told_at=timestamps,
    told_count=counts,
    acknowledged_at=_maybe(timestamps),
    acknowledged_by=_maybe(labels),
    note=_maybe(texts),
    closed_at=_maybe(timestamps),
    closed_by=_maybe(st.sampled_from(["condition", "acknowledgement", "replaced"])),
    revision=st.integers(1, INT_MAX),
)

open_alerts = _model(
    messages.OpenAlerts,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    agent_id=_maybe(identifiers),
    open=st.lists(live_alerts, max_size=2),
    closed=st.lists(live_alerts, max_size=2),
)

dead_letters = _model(
    messages.DeadLetter,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    topic=texts,
    reason=codes,
    detail=texts,
    payload_base64=st.sampled_from(["", "AA==", "eyJ2IjoxfQ=="]),
    payload_bytes_count=counts,
    payload_sha256=st.just("0" * 64),
)

twin_statuses = _model(
    messages.TwinStatus,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    agent_id=identifiers,
    state=st.sampled_from(["online", "offline"]),
    reason=_maybe(texts),
    version=_maybe(labels),
    started_at=_maybe(timestamps),
    spool=_maybe(readings),
)

agent_statuses = _model(
    messages.AgentStatus,
    **_LABEL,
    ts=timestamps,
    site=identifiers,
    group=identifiers,
    agent_id=identifiers,
    state=st.sampled_from(["online", "leaving", "offline"]),
    presses=st.lists(identifiers, max_size=3),
    reason=_maybe(texts),
    version=_maybe(labels),
)

handovers = _model(
    messages.Handover,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    mold_id=identifiers,
    shot_id=identifiers,
    agent_id=identifiers,
    document=texts,
)

memories = _model(
    messages.Memory,
    **_LABEL,
    **_PLACE,
    ts=timestamps,
    mold_id=_maybe(identifiers),
    part=identifiers,
    agent_id=identifiers,
    document=texts,
)

web_audits = _model(
    messages.WebAudit,
    **_LABEL,
    ts=timestamps,
    site=identifiers,
    web_id=identifiers,
    entries_count=st.integers(0, 2**53),
    head_hmac=st.text("0123456789abcdef", min_size=64, max_size=64),
)

MESSAGES: dict[type[messages.Message], st.SearchStrategy[Any]] = {
    messages.TelemetryFrame: telemetry_frames,
    messages.ShotEvent: shot_events,
    messages.QualityRecord: quality_records,
    messages.PressEvent: press_events,
    messages.Order: orders,
    messages.AlertAck: alert_acks,
    messages.AdviceWord: advice_words,
    messages.Advice: advices,
    messages.Received: received,
    messages.Prediction: predictions,
    messages.ShotKpis: shot_kpis,
    messages.Alert: alerts,
    messages.OpenAlerts: open_alerts,
    messages.DeadLetter: dead_letters,
    messages.TwinStatus: twin_statuses,
    messages.Handover: handovers,
    messages.Memory: memories,
    messages.AgentStatus: agent_statuses,
    messages.WebAudit: web_audits,
}
"""A strategy for every message."""
