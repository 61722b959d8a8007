"""Quality records and acknowledgements from programs, sent to the twin over MQTT."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.ids import IDENTIFIER_PATTERN
from broker.messages import AlertAck, QualityRecord
from broker.messages.base import Words
from broker.topics import PressAddress
from edge_agent.history import pages
from edge_agent.web.api.known_press import known_press
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import (
    Refused,
    as_json,
    field_refused,
    fields_refused,
    problems_of,
    responses,
)
from twin_core.checked_yaml import nearest_field

router = APIRouter(tags=["twin"])
Parts = Annotated[Web, Depends(web_of)]
Document = dict[str, Any]
REF = "#/components/schemas/{model}"
SET_HERE = ("received_at", "device_id", "seq", "left_out", "v", "simulated")
"""Fields of a record that its sender on MQTT sets; here they are unknown."""


class Sent(BaseModel):
    """A record that the broker has taken; the twin stores it."""

    press: str
    record: Document
    """As it was sent: with its ``record_id``, time and person."""


class Acknowledgement(BaseModel):
    """Words with an acknowledgement."""

    model_config = ConfigDict(extra="forbid")

    note: Words | None = None


class Acknowledged(BaseModel):
    """An acknowledgement that the broker has taken."""

    press: str
    alert_id: str
    by: str


def record_schema() -> Document:
    """JSON Schema of the body of a record; its parts are under ``$defs``."""
    schema = QualityRecord.model_json_schema(ref_template=REF)
    for name in SET_HERE:
        schema["properties"].pop(name)
    schema["properties"]["press"] = {"type": "string", "pattern": IDENTIFIER_PATTERN}
    schema["required"] = ["press", "shot_id"]
    schema["additionalProperties"] = False
    return schema


def _body() -> Document:
    schema = record_schema()
    schema.pop("$defs", None)  # they are among the components, see ``routes``
    return {"content": {"application/json": {"schema": schema}}}


@router.post(
    "/quality",
    status_code=202,
    response_model=Sent,
    responses=responses(body=True),
    openapi_extra={"requestBody": _body()},
)
async def send_quality(
    request: Request, web: Parts, given: Annotated[Document, Body()]
) -> Response:
    """Send a quality record of a shot; a correction names the earlier one in ``corrects``."""
    fields = dict(given)
    press = known_press(web, fields.pop("press", None))
    record = _record(
        {
            "ts": web.clock.now(),
            "record_id": f"rest-{uuid4()}",
            "operator": request.state.principal.name,
            "source": "rest",
            **fields,
        }
    )
    await web.to_twin.record(press, record)
    sent = Sent(press=press.press, record=record.model_dump(mode="json", exclude_none=True))
    return Response(as_json(sent.model_dump()), 202, media_type="application/json")


@router.post(
    "/alerts/{alert_id}/acknowledgement",
    status_code=202,
    response_model=Acknowledged,
    responses=responses(409, body=True),
)
async def acknowledge(
    request: Request,
    web: Parts,
    alert_id: Annotated[str, Path(pattern=IDENTIFIER_PATTERN)],
    given: Acknowledgement,
) -> Response:
    """Say that somebody has seen an alert, and looks after it."""
    row = await pages.alert(web.history.reader(), alert_id)
    if row is None:
        raise Refused(404, "NOT_FOUND", f"no alert {alert_id} is in this history")
    if row["closed_at"] is not None:
        raise Refused(409, "CLOSED", f"alert {alert_id} was closed at {row['closed_at']}")
    by = request.state.principal.name
    ack = AlertAck(alert_id=alert_id, by=by, ts=web.clock.now(), note=given.note)
    await web.to_twin.acknowledge(PressAddress(row["site"], row["press"]), ack)
    done = Acknowledged(press=row["press"], alert_id=alert_id, by=by)
    return Response(as_json(done.model_dump()), 202, media_type="application/json")


def _record(fields: Document) -> QualityRecord:
    unknown = fields.keys() - QualityRecord.model_fields.keys() | fields.keys() & set(SET_HERE)
    if unknown:
        name = min(unknown)
        near = None if name in SET_HERE else nearest_field(QualityRecord, (name,))
        raise field_refused(name, f"unknown field: is {near} meant?" if near else "unknown field")
    try:
        record = QualityRecord.model_validate(fields)
        as_json(record.model_dump(mode="json"))
    except ValidationError as error:
        raise fields_refused(problems_of(error)) from None
    except ValueError:
        raise field_refused("note", "a text of the record is not Unicode") from None
    return record
