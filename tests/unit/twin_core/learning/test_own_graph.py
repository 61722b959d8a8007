"""A model file that reads other files, loops, or needs foreign code never gets to run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.support.models import model_file
from tests.support.odd_graphs import LEAK, READ, hidden, with_file, with_node
from twin_core.errors import ModelError
from twin_core.learning import onnx_wire
from twin_core.learning.inference import Model
from twin_core.learning.own_graph import check_own_graph

pytestmark = pytest.mark.xdist_group("training")  # models are trained once


def test_a_file_beside_the_agent_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would: a graph without a folder may read what lies in the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.arange(READ, dtype=np.float32).tobytes())
    content = with_file(model_file(), "secret.bin")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    shape = [1, session.get_inputs()[0].shape[1]]
    (read,) = session.run([LEAK], {"features": np.zeros(shape, np.float32)})
    assert read.tolist() == list(range(READ))
    with pytest.raises(ModelError, match=r"its numbers are in another file \(external data\)"):
        Model(content)


@pytest.mark.parametrize("location", ["/etc/hostname", "../x", "fifo", "", "*/_ORT_MEM_ADDR_/*"])
def test_whatever_the_file_is_called(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")  # to open it would wait for ever
    with pytest.raises(ModelError, match="external data"):
        Model(with_file(model_file(), location))


PLACES = sorted(hidden(model_file(), "secret.bin"))


@pytest.mark.parametrize("place", PLACES)
def test_wherever_the_reference_hides(place: str) -> None:
    content = hidden(model_file(), "secret.bin")[place]
    with pytest.raises(ModelError, match="models of this product are one file, without loops"):
        Model(content)


def test_code_that_nobody_has() -> None:
    node = onnx.helper.make_node("Anything", ["features"], ["any"], domain="com.example")
    with pytest.raises(ModelError, match=r"opset_import: version 1 of .*'com\.example'"):
        Model(with_node(model_file(), node))


def test_a_format_of_the_librarys_own() -> None:
    with pytest.raises(ModelError, match="not a usable ONNX file: it is damaged at byte"):
        Model(b"\x18\x00\x00\x00ORTM" + bytes(100))


@pytest.mark.parametrize(
    "content",
    [b"\x3a\xff", b"\x3a\x05abc", b"\xff" * 20, b"\x0b\x00", b"\x80\x80\x80\x80\x90\x01\x00"],
    ids=["half a length", "cut", "no number", "group", "number of a field beyond all"],
)
def test_what_is_no_protobuf(content: bytes) -> None:
    with pytest.raises(ModelError, match="not a usable ONNX file: it is damaged at byte"):
        check_own_graph(content)


def test_the_outline_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_wire, "FIELDS_MAX", 1000)
    with pytest.raises(ModelError, match="more than 1000 fields"):
        check_own_graph(b"\x3a\x02\x0a\x00" + 1001 * b"\x42\x02\x10\x01")
