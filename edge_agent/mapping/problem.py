"""Problems of a mapping: which field, what is wrong, and the line that it stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a mapping, or worth a look."""

    place: Place
    """Names from the top to the field."""
    words: str
    is_note: bool = False
    """The mapping can be used all the same."""


class Lines:
    """Lines of a mapping's file."""

    def __init__(self, path: Path, lines: Mapping[tuple[str, ...], int]) -> None:
        self._path, self._lines = path, lines

    def known(self, place: Place) -> tuple[str, ...]:
        """The part of a place that stands in the file; names that only the check uses are left out.

        Args:
            place: of pydantic, which adds names of types.
        """
        found: tuple[str, ...] = ()
        for part in place:
            if (*found, str(part)) in self._lines:
                found = (*found, str(part))
        return found

    def line(self, place: Place) -> int | None:
        """Line of a field; of what is around it, if it is not there itself."""
        return self._lines.get(self.known(place))

    def words(self, problem: Problem) -> str:
        """A problem with file, line and field."""
        line = self.line(problem.place)
        where = str(self._path) if line is None else f"{self._path}: line {line}"
        field = ".".join(str(part) for part in problem.place) or "the whole"
        return f"{where}: {field}: {problem.words}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that name what was perhaps meant, and what there is.

    Args:
        name: one that is not known.
        known: those that are.
    """
    names = list(known)
    near = get_close_matches(name.casefold(), [one.casefold() for one in names], n=1)
    meant = next((one for one in names if near and one.casefold() == near[0]), None)
    if meant is not None:
        return f"is {meant} meant?"
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"there are: {shown or 'none'}"
