"""Datasource of an import: where shots lie, and which column is which field of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from broker.ids import Identifier
from broker.sensors import SUFFIXES_TEXT, has_unit
from edge_agent.config.section import Section
from edge_agent.imports.fields import FIELDS, TEXT_FIELDS, TIME_FIELDS, current_name, unit_of_field
from edge_agent.imports.file_template import check_braces
from edge_agent.imports.secret_parameters import secret_in
from edge_agent.mapping.problem import nearest
from edge_agent.mapping.units import conversion_between

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
"""Name of a table or a column, or a value."""
Parameter = Literal["since", "until", "mold", "press", "system", "order"]
SIGNAL = "signal "
"""Before the name of a signal of the long form, as a cell of its shot."""
Unit = Annotated[str, StringConstraints(min_length=1, max_length=20)]


def _column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Column(Section):
    """A field from a column, or the same for all shots."""

    column: Text | None = None
    value: str | float | None = None
    """The same for all shots, in place of a column."""
    signal: Text | None = None
    """In the long form: the signal whose first value it is, in place of a column."""
    unit: Unit | None = None
    """Of the column; by default that of the field's name."""
    scale: float = 1.0
    """value = scale · cell + offset, then converted from ``unit``."""
    offset: float = 0.0
    names: dict[str, str] = Field(default_factory=dict)
    """Texts of the column, and what they are called in the twin."""
    prefix: str = ""
    """Before a text of the column that ``names`` does not have."""

    @property
    def name(self) -> str | None:
        """Name of the cell; None of a constant."""
        return self.column if self.signal is None else f"{SIGNAL}{self.signal}"

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.column, self.value, self.signal)) != 1:
            raise ValueError("give column, or value for what is the same in all shots")
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        return self


class Moment(Section):
    """Column of the times of readings."""

    column: Text
    unit: Unit | None = None
    """Of seconds, minutes … since the end of injection; without it they are moments."""

    @field_validator("unit")
    @classmethod
    def _is_of_time(cls, unit: str | None) -> str | None:
        if unit is not None:
            conversion_between(unit, "s")
        return unit


def _signal(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Signal(Section):
    """A sensor among the readings."""

    name: Text
    """What the column ``signal`` says, or the sensor's own column in the wide form."""
    unit: Unit | None = None
    scale: float = 1.0
    offset: float = 0.0


def _moment(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Series(Section):
    """Readings over time: rows of (shot, signal, time, value), or a column for each sensor."""

    table: Text | None = None
    """Of a database."""
    file: Text | None = None
    """Of a folder: ``curves/{shot_id}.csv``, names in braces are columns of the shot's row."""
    _place_of_file: str = PrivateAttr("series.file")
    path: Text | None = None
    """Of REST: where the list of readings lies in an item."""
    shot: Text | dict[Text, Text] | None = None
    """Column that names the shot, or several with those of the shots' table that they repeat."""
    time: Annotated[Moment, BeforeValidator(_moment)]
    signal: Text | None = None
    value: Text | None = None
    """Columns of the long form; without them each sensor has a column."""
    signals: Annotated[
        dict[str, Annotated[Signal, BeforeValidator(_signal)]], Field(min_length=1, max_length=64)
    ]

    @property
    def place_of_file(self) -> str:
        """Where ``file`` stands: YAML, line and field."""
        return self._place_of_file

    def stands_at(self, place: str) -> None:
        """Note where ``file`` stands."""
        self._place_of_file = place

    @field_validator("file")
    @classmethod
    def _has_pairs_of_braces(cls, file: str | None) -> str | None:
        if file is not None:
            check_braces(file)
        return file

    @field_validator("signals")
    @classmethod
    def _carry_units(cls, signals: dict[str, Signal]) -> dict[str, Signal]:
        for name, signal in signals.items():
            if not has_unit(name):
                raise ValueError(f"{name[:64]!r} must end in its unit, one of {SUFFIXES_TEXT}")
            check_unit(name, signal.unit)
        return signals

    @model_validator(mode="after")
    def _is_long_or_wide(self) -> Self:
        if (self.signal is None) != (self.value is None):
            raise ValueError("signal and value belong together: give both or none")
        return self

    @property
    def is_long(self) -> bool:
        """Whether a row is one reading."""
        return self.signal is not None


def check_unit(name: str, unit: str | None) -> None:
    """Refuse a unit that cannot be converted to that of a field.

    Raises:
        ValueError: says why.
    """
    if unit is None:
        return
    wanted = unit_of_field(name)
    if wanted is None:
        raise ValueError(f"{name} has no unit: leave unit away, scale and offset convert")
    try:
        conversion_between(unit, wanted)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{name[:40]!r} is no time zone: write Europe/Berlin, or UTC"
            ) from None
    return name


class Mapped(Section):
    """What sources with foreign columns have in common."""

    site: Identifier = "plant1"
    time_zone: Annotated[str | None, AfterValidator(_zone)] = None
    """Of times that say none."""
    time_format: Text | None = None
    """Of times that are texts in another form than 2026-01-31T12:00:00: ``%d.%m.%Y %H:%M:%S``."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers that are texts; in CSV it is found."""
    form: Literal["wide", "long"] = "wide"
    """``wide``: a row a shot. ``long``: rows of shot, signal, time, value, in ``series`` alone."""
    columns: dict[str, Annotated[Column, BeforeValidator(_column)]] = Field(default_factory=dict)
    """By the field; without any, columns that are called as fields are those."""
    series: Series | None = None

    @field_validator("columns", mode="before")
    @classmethod
    def _known_fields(cls, columns: Any) -> Any:
        if not isinstance(columns, dict):
            return columns
        found = {}
        for name, column in columns.items():
            known = current_name(str(name))
            if known not in FIELDS:
                raise ValueError(f"{name!r} is no field of a shot: {nearest(str(name), FIELDS)}")
            if known in found:
                raise ValueError(f"{known} stands twice, by an older name, too: remove one")
            found[known] = column
        return found

    @field_validator("columns")
    @classmethod
    def _units_fit(cls, columns: dict[str, Column]) -> dict[str, Column]:
        for name, column in columns.items():
            if name in TEXT_FIELDS | TIME_FIELDS:
                if column.unit is not None:
                    raise ValueError(f"{name} is no number: leave unit away")
                continue
            check_unit(name, column.unit)
        return columns

    @model_validator(mode="after")
    def _says_of_which_shot(self) -> Self:
        if self.columns and "shot_id" not in self.columns:
            raise ValueError("columns: shot_id is missing: name the column that tells shots apart")
        if self.form == "long":
            if self.series is None or not self.series.is_long:
                raise ValueError("form long needs series with shot, signal, time and value")
            if not self.columns:
                raise ValueError("form long needs columns: at least shot_id")
        return self


class SqlSource(Mapped):
    """A database, read only."""

    kind: Literal["sql"] = "sql"
    driver: Literal["postgresql", "mysql", "mariadb", "sqlite"]
    host: Text = "localhost"
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    database: Text
    """Name of the database; of SQLite the file."""
    db_schema: Annotated[Text | None, Field(alias="schema")] = None
    user: Text | None = None
    password: SecretStr | None = None
    """From ``TWIN_SOURCE_PASSWORD_{ID}`` or ``password_file`` only."""
    password_file: Path | None = None
    table: Text | None = None
    """Table or view with a row a shot; in the long form that of ``series`` alone."""

    @model_validator(mode="after")
    def _names_tables(self) -> Self:
        if self.form == "wide" and self.table is None:
            raise ValueError("table is missing: name the table with a row a shot")
        if self.series is not None:
            if self.series.table is None:
                raise ValueError("series.table is missing: name the table of readings")
            if self.form == "wide" and self.series.shot is None:
                raise ValueError("series.shot is missing: which column names the shot?")
        return self


class FolderSource(Mapped):
    """A folder of CSV or Parquet files."""

    kind: Literal["csv", "parquet"]
    path: Path
    """A file, or a folder of which all files are read, in the order of their names."""
    files: Text | None = None
    """Pattern of the files: ``**/*.csv``; by default all that end in .csv or .parquet."""

    @model_validator(mode="after")
    def _names_files(self) -> Self:
        if self.form == "wide" and self.series is not None and self.series.file is None:
            raise ValueError("series.file is missing: name the file of a shot's readings")
        return self


class Paging(Section):
    """How a REST source gives its answer in pages."""

    kind: Literal["none", "page", "offset", "next"] = "none"
    """``page``: numbers; ``offset``: how many before; ``next``: the answer names the next page."""
    parameter: Text = "page"
    """Of ``page`` and ``offset``."""
    first: int = 1
    """Number of the first page."""
    size_parameter: Text | None = None
    size: Annotated[int, Field(ge=1, le=10_000)] = 500
    next: Text = "next"
    """Where an answer has the address of the next page: ``links.next``."""


class RestSource(Mapped):
    """An address that answers with JSON."""

    kind: Literal["rest"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2000)]
    items: Text | None = None
    """Where the list lies in an answer: ``data.shots``; by default the answer is the list."""
    parameters: dict[Parameter, Text] = Field(default_factory=dict)
    """Names of parameters that filter, where the source has any."""
    paging: Paging = Paging()
    token: SecretStr | None = None
    """From ``TWIN_SOURCE_TOKEN_{ID}`` or ``token_file`` only."""
    token_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0

    @model_validator(mode="after")
    def _is_no_place_for_secrets(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username or parts.password:
            raise ValueError("url holds a user or password: use token_file")
        if not parts.hostname:
            raise ValueError("url names no host")
        if secret := secret_in(parts.query):
            raise ValueError(f"url holds a credential, {secret[:40]}=: use token_file")
        if self.form == "long":
            raise ValueError("form long is of databases and folders; here series.path")
        return self


class BundleSource(Section):
    """Log bundles below a folder."""

    kind: Literal["bundles"]
    path: Path


class HistorySource(Section):
    """A history of our own."""

    kind: Literal["history"]
    path: Path | None = None
    """File of the history; a database is named by ``TWIN_SOURCE_URL_{ID}`` or ``url_file``."""
    url_file: Path | None = None
    url: SecretStr | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.path, self.url_file, self.url)) != 1:
            raise ValueError("give path of a file, or url_file with the address of a database")
        return self


Datasource = Annotated[
    SqlSource | FolderSource | RestSource | BundleSource | HistorySource,
    Field(discriminator="kind"),
]
