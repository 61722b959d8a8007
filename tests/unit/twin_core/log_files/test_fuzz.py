"""No file makes a traceback: it is read, or refused by an error of the twin."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.learning.tables import leave_out_impossible, read_table
from edge_agent.logged_shots.bundle import load_bundle
from twin_core.checked_yaml import read_yaml
from twin_core.errors import TwinError
from twin_core.log_files.series import read_series
from twin_core.log_files.shot_table import LeftOut

CELLS = st.one_of(
    st.sampled_from(
        ["time_s", "T_core_C", "shot_id", "poured_at", "qc_rho_moulded", "qc_any_defect", "simulated",
         "1", "2.5", "3,5", "", " ", "NaN", "inf", "-9999", "1e999", "1_0", "0001", "s", "°C", "#", "sep=;",
         '"', '""', "2026-11-20T10:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59+14:00", "\0", "\x1a",
         "\ufeff", "\u2028", "\x85", "\x0b", "𝟙", "٣", "-", "+", ".", ",", "e5", "1e5"]
    ),
    st.floats().map(str),
    st.integers().map(str),
    st.text(max_size=5),
)  # fmt: skip
ROWS = st.lists(st.lists(CELLS, max_size=4), max_size=8)
ENCODINGS = st.sampled_from(
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A table that is nearly one, or any bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=200))
    mark, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    head = draw(st.sampled_from([[["time_s", "T_core_C"]], [["shot_id", "poured_at"]], []]))
    text = end.join(mark.join(row) for row in [*head, *draw(ROWS)])
    content = text.encode(draw(ENCODINGS), "replace")
    cut = draw(st.integers(0, 3))
    return content[: len(content) - cut] + draw(
        st.sampled_from([b"", b"\0", b"\0\0\0", b"\x1a", b"\n"])
    )


def _names(refused: TwinError, path: Path) -> None:
    assert str(path) in str(refused)


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(content=files())
def test_a_series(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    try:
        found = read_series(path, {"T_core_C": (-50.0, 350.0)})
    except TwinError as refused:
        _names(refused, path)
        return
    assert len(found.time_s) == len(found.columns["T_core_C"])
    assert (found.time_s[1:] > found.time_s[:-1]).all()


@FUZZ
@given(content=files())
def test_a_table(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    told: list[LeftOut] = []
    try:
        found = leave_out_impossible(read_table(path, told.append), told.append)
    except TwinError as refused:
        _names(refused, path)
        return
    assert len({len(values) for values in found.values()}) <= 1
    assert all(values.dtype.kind in "fUM" for values in found.values())


VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["045", "1_000", "1:30", "0o17", "yes", "~", ".nan", ".inf", "1e400", "!!bool x", "!!int x",
                         "2026-11-20", "2026-11-20T10:00:00", "2026-11-20T10:00:00Z", "'38 Shore'", "61,9", "-1",
                         "[]", "{}", "[1, 2]", "&a 1", "*a", "!!binary x", "!!set {a}", "? x", "- 1", "99999999999999999999",
                         "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
        st.text(max_size=8),
    ),
    lambda inner: inner.map(lambda value: "{a: " + value + "}"),
    max_leaves=2,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["shot_id", "system_id", "mold_id", "mould_id", "timestamp_start", "simulated", "process", "m_polyol",
     "m_iso", "T_mold_init_C", "T_mould_init_C", "t_demold_actual_s", "RH_ambient", "vent_status", "pentane_pct",
     "rho_moulded", "H_demold", "defects", "ts", "v", "note", "1", "''"]
)  # fmt: skip


@FUZZ
@given(
    name=st.sampled_from(["meta.yaml", "process.yaml", "qc.yaml"]),
    fields=st.dictionaries(FIELDS, VALUES, max_size=4),
)
def test_the_yaml_of_a_bundle(name: str, fields: dict[str, str], tmp_path: Path) -> None:
    good = {
        "meta.yaml": "shot_id: s1\nsystem_id: SYSTEM_R1\n",
        "process.yaml": "m_polyol: 0.05\nm_iso: 0.05\n",
        "qc.yaml": "H_demold: 38\n",
    }
    for file, text in good.items():
        (tmp_path / file).write_text(text)
    with (tmp_path / name).open("a", encoding="utf-8", errors="replace") as file:
        file.write("".join(f"{field}: {value}\n" for field, value in fields.items()))
    try:
        read_yaml(tmp_path / name)
        bundle = load_bundle(tmp_path)
    except TwinError as refused:
        _names(refused, tmp_path)
        return
    assert bundle.meta.timestamp_start is None or bundle.meta.timestamp_start.tzinfo is not None
