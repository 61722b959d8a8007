"""Some rows of a foreign table, to see what its columns are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from edge_agent.imports.from_folder import rows_of_file

ROWS = 2000


def sample_of_file(path: Path) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Names of the columns of a CSV or Parquet file, and its first rows.

    Args:
        path: the file.

    Raises:
        InputError: it is neither.
    """
    names, rows = rows_of_file(path)
    return [name for name in names if name], [row for _, row in islice(rows, ROWS)]
