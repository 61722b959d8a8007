"""The first generation's paths at the root: simulate, predict, health, version."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.ml_status import BAD_INPUT
from edge_agent.web.api.answers import IfNoneMatch, answer
from edge_agent.web.api.build import BUILD
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import NOT_AGAIN, FieldProblem, Refused, as_json, responses
from twin_core.fingerprint import PHYSICS_HASH

router = APIRouter(tags=["first generation"])
Parts = Annotated[Web, Depends(web_of)]
Document = dict[str, Any]
NUMBER = Annotated[float, Field(allow_inf_nan=False)]


class SimulationRequest(BaseModel):
    """A scenario, as a file for ``run-sim`` holds it."""

    model_config = ConfigDict(extra="forbid")

    scenario_id: Annotated[str, Field(max_length=200)] | None = None
    system_id: Annotated[str, Field(max_length=200)] | None = None
    """A material of the catalogue; or all of it in ``system``."""
    system: Document | None = None
    process: Document
    """Masses in kg, temperatures in °C; see docs/rest.md."""
    mold: Document | Annotated[str, Field(max_length=200)]
    """Fields, or the id of a mold of the catalogue."""
    quality: Document | Annotated[str, Field(max_length=200)] | None = None
    """Fields, or the name of a preset."""
    simulation: Document | None = None

    @model_validator(mode="after")
    def _one_system(self) -> SimulationRequest:
        if (self.system is None) == (self.system_id is None):
            raise ValueError("give either system_id or a whole system")
        return self


class SimulationAnswer(BaseModel):
    """A simulated shot; times count from the end of injection, pressures are absolute."""

    model_config = ConfigDict(extra="allow")

    time_s: list[float]
    t_demold_min_s: float | None
    t_demold_opt_s: float | None
    t_demold_max_s: float | None
    rho_moulded: float
    p_max_Pa: float
    pressure_status: str
    quality_status: str
    defect_risk: float
    diagnostics: list[Document]


class PredictRequest(BaseModel):
    """Features by the names of docs/features.md."""

    model_config = ConfigDict(extra="forbid")

    features: Annotated[dict[str, NUMBER], Field(max_length=1000)]
    system_id: Annotated[str, Field(max_length=200)] | None = None
    """The material; it may be left out where the model knows only one."""


class PredictAnswer(BaseModel):
    """The learned model's answer."""

    model_config = ConfigDict(extra="allow")

    defect_risk_pred: float | None
    defect_class_pred: int | None
    model_version: str | None
    ml_status: str


class Health(BaseModel):
    """State of the server."""

    status: str
    """``ok``, or ``degraded`` while the broker is away."""


class Version(BaseModel):
    """The program that answers."""

    package: str
    version: str
    git_hash: str
    build_date: str
    physics_hash: str
    """Two servers with the same one compute the same."""


@router.post("/simulate", response_model=SimulationAnswer, responses=responses(body=True))
async def simulate(asked: SimulationRequest, web: Parts) -> Response:
    """Simulate one shot; the answer has the fields of ``run-sim --save-json``."""
    document = asked.model_dump(exclude_unset=True, exclude_none=True)
    must_be_text(document)
    return _json(await web.worker.simulate(document))


@router.post("/ml/predict", response_model=PredictAnswer, responses=responses(body=True))
async def predict(asked: PredictRequest, web: Parts) -> Response:
    """Ask the promoted model what it expects of a shot with these features."""
    must_be_text(asked.model_dump())
    found = await web.worker.predict(asked.features, asked.system_id)
    status, words = found["ml_status"], found["ml_words"] or found["ml_status"]
    if found.get("correction") is not None:
        return _json(found)
    if status == BAD_INPUT:
        problem = FieldProblem(pointer="#/features", detail=words)
        raise Refused(422, "INVALID_INPUT", words, errors=[problem])
    raise Refused(503, "ML_UNAVAILABLE", words, "pur-mold-twin models promote puts one into use")


@router.get("/health", responses=responses())
async def health(web: Parts) -> Health:
    """Is the server there?"""
    return Health(status="ok" if web.live.broker is None else "degraded")


@router.get(
    "/version",
    response_model=Version,
    responses=NOT_AGAIN | responses(),
)
async def version(request: Request, _known: IfNoneMatch = None) -> Response:
    """The program, its build and the hash of its physics."""
    found = Version(
        package="pur-mold-twin",
        version=BUILD.version,
        git_hash=BUILD.git_hash,
        build_date=BUILD.date,
        physics_hash=PHYSICS_HASH,
    )
    return answer(request, found.model_dump())


def _json(document: Document) -> Response:
    return Response(as_json(document), media_type="application/json")


def must_be_text(document: Document) -> None:
    """Refuse half of a surrogate pair: it is no text that could be sent on or written.

    Raises:
        Refused: there is one.
    """
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:  # UnicodeEncodeError is one, too
        words = "holds a text that is not Unicode, or a number that is not finite"
        raise Refused(
            422, "INVALID_INPUT", words, errors=[FieldProblem(pointer="#", detail=words)]
        ) from None
