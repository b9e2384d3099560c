"""What is said of a model in SQL, and how the texts of its options are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns: TypeAlias = "Sequence[tuple[str, str]]"
"""Names and types, as Flink's ``LogicalType.asSerializableString()`` writes them."""


@dataclass(frozen=True)
class Request:
    """A model as ``CREATE MODEL`` describes it; None stands for an option that was not given.

    Args:
        model: its name.
        format: of its file, see `ml_framework.sql.formats`.
        path: path or URL of it, or of a folder of versions of it.
        input: columns of INPUT.
        output: columns of OUTPUT.
        max_batch: rows of a batch, at most.
        max_delay_ms: longest time that a row waits for its batch to fill.
        groups: columns as tensors, ``features=distance,dep_hour; other=a,b``; ``embedding=16`` is an ARRAY
            column of exactly 16 elements.
        inputs: columns and groups that are the model's arguments, ``features, other``.
        preprocess: ``module:function`` that makes the arguments of a batch instead.
        postprocess: ``module:function`` that makes the answers of what the model returns.
        factory: ``module:function`` that makes the model for a file that holds weights alone.
        version_column: of OUTPUT, for the version that has answered.
        error_column: of OUTPUT, for why a row was refused.
        threads: that one process computes with.
        python_path: folders for modules, as in ``PYTHONPATH``.
        log_dir: folder for logs.
    """

    model: str
    format: str | None
    path: str | None
    input: Columns
    output: Columns
    max_batch: int
    max_delay_ms: int
    groups: str | None
    inputs: str | None
    preprocess: str | None
    postprocess: str | None
    factory: str | None
    version_column: str | None
    error_column: str | None
    threads: int | None
    python_path: str
    log_dir: str | None


def names_in(option: str, text: str) -> tuple[str, ...]:
    """The names in `text`, which commas part.

    Raises:
        PlanError: one is empty.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise PlanError(f"{option!r} is {text!r}: give names with a comma between each two")
    return names


def groups_in(text: str) -> dict[str, tuple[str, ...] | int]:
    """The groups in `text`, which semicolons part, as `ml_framework.codec.plan_layout` takes them.

    Raises:
        PlanError: one has no name, no columns, or the name of another.
    """
    groups: dict[str, tuple[str, ...] | int] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, content = (piece.strip() for piece in part.partition("="))
        if not (name and equals and content):
            raise PlanError(
                f"'groups' is {text!r}, and {part!r} is no group: write them like "
                "'features=distance,dep_hour; other=a,b', or 'embedding=16' for an ARRAY of 16 elements"
            )
        if name in groups:
            raise PlanError(f"'groups' is {text!r}: the group {name!r} is there twice")
        is_width = content.isascii() and content.isdigit()
        groups[name] = int(content) if is_width else names_in("groups", content)
    return groups


def folders_in(text: str) -> tuple[str, ...]:
    """The folders in `text`, as in ``PYTHONPATH``, from the root."""
    return tuple(os.path.abspath(folder) for folder in text.split(os.pathsep) if folder)  # noqa: PTH100
