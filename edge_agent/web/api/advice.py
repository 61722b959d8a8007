"""Advice to presses: what stands, proposals, decisions; all of it is sent to the twin over MQTT."""

from __future__ import annotations

from secrets import token_hex
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.ids import IDENTIFIER_PATTERN, is_identifier
from broker.messages import AdviceProposal
from broker.messages.base import Words
from edge_agent.web.advice import advised_molds, decide, propose
from edge_agent.web.api.answers import IfNoneMatch, answer
from edge_agent.web.api.filters import Id, known_parameters
from edge_agent.web.api.known_press import known_press
from edge_agent.web.live.state import MoldKey
from edge_agent.web.molds_on_presses import is_simulated
from edge_agent.web.parts import Web, web_of
from edge_agent.web.possible_advice import impossible_in
from edge_agent.web.problems import (
    NOT_AGAIN,
    as_json,
    field_refused,
    fields_refused,
    problems_of,
    responses,
)

router = APIRouter(tags=["twin"])
Parts = Annotated[Web, Depends(web_of)]
AdviceId = Annotated[str, Path(pattern=IDENTIFIER_PATTERN)]
Document = dict[str, Any]
REF = "#/components/schemas/{model}"


class AdviceItems(BaseModel):
    """The advice of every mold that has one, as the twin retains it."""

    items: list[Document]


class Decision(BaseModel):
    """What an operator says of an advice."""

    model_config = ConfigDict(extra="forbid")

    said: Literal["accepted", "refused"]
    note: Words | None = None


class Withdrawal(BaseModel):
    """Words with a withdrawal."""

    model_config = ConfigDict(extra="forbid")

    note: Words | None = None


class SaidOfAdvice(BaseModel):
    """A word that the broker has taken; what became of it stands in the list."""

    press: str | None = None
    mold_id: str
    advice_id: str
    said: str
    by: str
    simulated: bool
    """It is of a simulator's shots, and judged by such ones."""


def proposal_schema() -> Document:
    """JSON Schema of the body of a proposal; its parts are under ``$defs``."""
    schema = AdviceProposal.model_json_schema(ref_template=REF)
    schema["properties"] |= {
        name: {"type": "string", "pattern": IDENTIFIER_PATTERN} for name in ("press", "mold_id")
    }
    about = "Whether the shots are a simulator's; left out: as those of the mold, or of its press"
    schema["properties"]["simulated"] = {"type": "boolean", "description": about}
    schema["required"] = ["press", "mold_id", *schema["required"]]
    schema["additionalProperties"] = False
    return schema


def _body() -> Document:
    schema = proposal_schema()
    schema.pop("$defs", None)  # they are among the components, see ``routes``
    return {"content": {"application/json": {"schema": schema}}}


@router.get(
    "/advice",
    response_model=AdviceItems,
    responses=NOT_AGAIN | responses(422),
    dependencies=[Depends(known_parameters)],
)
async def advice(
    request: Request, web: Parts, press: Id = None, mold_id: Id = None, _known: IfNoneMatch = None
) -> Response:
    """The newest advice of every mold."""
    found = [
        mold.advice.model_dump(mode="json", exclude_none=True)
        for mold in advised_molds(web.live)
        if mold.advice is not None
        and press in (None, mold.key.press)
        and mold_id in (None, mold.key.mold_id)
    ]
    return answer(request, {"items": found})


@router.post(
    "/advice",
    status_code=202,
    response_model=SaidOfAdvice,
    responses=responses(body=True),
    openapi_extra={"requestBody": _body()},
)
async def propose_advice(
    request: Request, web: Parts, given: Annotated[Document, Body()]
) -> Response:
    """Propose an advice for a mold: what to change, why, and for which material."""
    fields = dict(given)
    press, mold_id = fields.pop("press", None), fields.pop("mold_id", None)
    address = known_press(web, press)
    if not isinstance(mold_id, str) or not is_identifier(mold_id):
        raise field_refused("mold_id", "is the name of no mold")
    simulated = fields.pop("simulated", None)
    if simulated is not None and not isinstance(simulated, bool):
        raise field_refused("simulated", "must be true or false")
    proposal = _proposal(fields)
    by, advice_id = request.state.principal.name, token_hex(10)
    if simulated is None:
        simulated = await is_simulated(web, MoldKey(address.site, address.press, mold_id))
    word = await propose(web, address, mold_id, advice_id, proposal, by, simulated=simulated)
    shown = word.model_dump(include=set(SaidOfAdvice.model_fields))
    return _said(shown | {"press": address.press})


@router.post(
    "/advice/{advice_id}/decision",
    status_code=202,
    response_model=SaidOfAdvice,
    responses=responses(409, body=True),
)
async def decide_advice(
    request: Request, web: Parts, advice_id: AdviceId, given: Decision
) -> Response:
    """Accept an advice, or refuse it."""
    by = request.state.principal.name
    word = await decide(web, advice_id, given.said, by, given.note)
    return _said(word.model_dump(include=set(SaidOfAdvice.model_fields)))


@router.post(
    "/advice/{advice_id}/withdrawal",
    status_code=202,
    response_model=SaidOfAdvice,
    responses=responses(409, body=True),
)
async def withdraw_advice(
    request: Request, web: Parts, advice_id: AdviceId, given: Withdrawal
) -> Response:
    """Withdraw an advice."""
    word = await decide(web, advice_id, "withdrawn", request.state.principal.name, given.note)
    return _said(word.model_dump(include=set(SaidOfAdvice.model_fields)))


def _proposal(fields: Document) -> AdviceProposal:
    unknown = fields.keys() - AdviceProposal.model_fields.keys()
    if unknown:
        raise field_refused(min(unknown), "unknown field")
    try:
        proposal = AdviceProposal.model_validate(fields)
        as_json(proposal.model_dump(mode="json"))
    except ValidationError as error:
        raise fields_refused(problems_of(error)) from None
    except ValueError:
        raise field_refused("why", "a text of the proposal is not Unicode") from None
    if problems := impossible_in(proposal):
        raise fields_refused(problems)
    return proposal


def _said(document: Document) -> Response:
    return Response(as_json(document), 202, media_type="application/json")
