"""The generated module is that of our schema, and lives beside the packages of ``[learn]``."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

from broker.sparkplug import sparkplug_b_pb2

ROOT = Path(__file__).parents[4]
ROOM = ROOT / "broker" / "sparkplug"
FIELDS = {
    "Payload": {"timestamp": 1, "metrics": 2, "seq": 3, "uuid": 4, "body": 5},
    "Metric": {
        "name": 1, "alias": 2, "timestamp": 3, "datatype": 4, "is_historical": 5,
        "is_transient": 6, "is_null": 7, "properties": 9, "int_value": 10, "long_value": 11,
        "float_value": 12, "double_value": 13, "boolean_value": 14, "string_value": 15,
        "bytes_value": 16, "dataset_value": 17, "template_value": 18, "extension_value": 19,
    },
    "PropertySet": {"keys": 1, "values": 2},
    "PropertyValue": {
        "type": 1, "is_null": 2, "int_value": 3, "long_value": 4, "float_value": 5,
        "double_value": 6, "boolean_value": 7, "string_value": 8, "propertyset_value": 9,
        "propertysets_value": 10, "extension_value": 11,
    },
}  # fmt: skip
"""Numbers of the fields by the specification, 6.4.1."""


def descriptor() -> Any:
    found = descriptor_pb2.FileDescriptorProto()
    sparkplug_b_pb2.DESCRIPTOR.CopyToProto(found)
    return found


def test_numbers_of_the_fields_are_those_of_the_specification() -> None:
    found = {
        message.name: {field.name: field.number for field in message.field}
        for message in descriptor().message_type
    }
    assert found == FIELDS


def test_the_module_is_made_of_the_schema() -> None:
    """Each field of the text is in the module, with its type; without a compiler of protobuf."""
    text = re.sub(r"//.*", "", (ROOM / "sparkplug_b.proto").read_text(encoding="utf-8"))
    written = {}
    for name, body in re.findall(r"message (\w+) \{(.*?)\n\}", text, re.S):
        lines = re.findall(r"(\w+) (\w+) = (\d+);", body)
        written[name] = {field: (kind, int(number)) for kind, field, number in lines}
    kinds = descriptor_pb2.FieldDescriptorProto.Type
    made = {
        message.name: {
            field.name: (
                field.type_name.rpartition(".")[2]
                or kinds.Name(field.type).removeprefix("TYPE_").lower(),
                field.number,
            )
            for field in message.field
        }
        for message in descriptor().message_type
    }
    assert written == made


def test_it_is_made_for_the_protobuf_of_the_lock() -> None:
    text = (ROOM / "sparkplug_b_pb2.py").read_text(encoding="utf-8")
    (made_for,) = re.findall(r"# Protobuf Python Version: (\S+)", text)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^protobuf==(\S+)", lock, re.M)
    older, newer = ([int(part) for part in one.split(".")] for one in (made_for, locked))
    assert older <= newer
    assert older[0] == newer[0] == 6
    assert f'"protobuf>={made_for},<7"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_it_is_imported_beside_what_learning_needs() -> None:
    asked = [one for one in requires("onnx") or [] if one.startswith("protobuf")]
    assert asked, "onnx no longer needs protobuf"
    code = (
        "import onnx; from broker.sparkplug import payload; "
        "data = payload.encode(payload.Payload(1, (), 0)); "
        "print(payload.decode(data).seq, onnx.ModelProto().ByteSize())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0 0\n"), done.stderr
    assert version("protobuf").startswith("6.")
