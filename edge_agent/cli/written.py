"""Files that commands write: their folder is made, a refusal is a clear error."""

from __future__ import annotations

from pathlib import Path

from twin_core.errors import InputError


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole, in UTF-8; its folder is made if it is not there.

    Raises:
        InputError: the disk refuses.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        problem = InputError(f"{path}: cannot be written: {error.strerror or error}")
        problem.hint = "name a file in a folder that you may write to"
        raise problem from error
