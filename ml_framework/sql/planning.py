"""What is said of a model becomes the settings of the node that scores with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ml_framework.codec import Layout, Schema, plan_layout
from ml_framework.codec.layout import BlockKind
from ml_framework.codec.schema import Root
from ml_framework.config import JobConfig
from ml_framework.errors import PlanError
from ml_framework.inference.loader import needless
from ml_framework.inference.places import located
from ml_framework.names import suggestion
from ml_framework.node.settings import assignment, node_settings
from ml_framework.runner import Program
from ml_framework.runner.entrypoint import search_path
from ml_framework.sql import formats, functions
from ml_framework.sql.outputs import Outputs, plan_outputs
from ml_framework.sql.request import Columns, Request, folders_in, groups_in, names_in

if TYPE_CHECKING:
    from ml_framework.inference.runner import InferenceRunner
    from ml_framework.sql.formats import Format

ROLE = "model"
"""The role of every node that scores for SQL; its job has the name of the model."""


def plan(request: Request) -> dict[str, Any]:
    """The settings of the node that scores with the model of `request`.

    They are those of `NodeSettings.java`, as for a role, and two more: ``error_field``, the index of the
    column of errors in the frames to Flink, and ``columns``, how many of their columns OUTPUT has.

    Raises:
        PlanError: it cannot run as described; the message names the option and the remedy.
    """
    _check_limits(request)
    outputs = plan_outputs(_schema("OUTPUT", request.output), request.version_column, request.error_column)
    groups = groups_in(request.groups or "")
    frames = plan_layout(_schema("INPUT", request.input), groups, max_rows=request.max_batch)
    answers = plan_layout(outputs.schema, max_rows=request.max_batch)
    runner = _runner(request, frames, outputs)
    program = Program(runner, frames.to_json(), answers.to_json(), max_delay_s=request.max_delay_ms / 1000)
    config = JobConfig(log_dir=request.log_dir)
    return {
        **node_settings(
            assignment(request.model, ROLE, 1, program, config), program, config, frames, answers
        ),
        "job": "",
        "python": "",
        "python_path": os.pathsep.join(runner.python_path),
        "python_options": {},
        "rowtime_column": -1,
        "rowtime_precision": 0,
        "gpus": 0,
        "error_field": outputs.schema.names.index(outputs.error),
        "columns": len(request.output),
    }


def _runner(request: Request, frames: Layout, outputs: Outputs) -> InferenceRunner:
    form = _format(request)
    folders = tuple(dict.fromkeys((*folders_in(request.python_path), *search_path())))
    named = {
        option: functions.find(option, getattr(request, option), folders)
        for option in ("factory", "preprocess", "postprocess")
    }
    return form.runner(
        model=_path(request, form),
        answers=outputs.answers,
        inputs=_inputs(request, form, frames),
        error=outputs.error,
        version=outputs.version,
        threads=request.threads,
        python_path=folders,
        **named,
    )


def _check_limits(request: Request) -> None:
    if request.max_batch < 1:
        raise PlanError(f"'max-batch' is {request.max_batch}, it must be at least 1")
    if request.max_delay_ms < 0:
        raise PlanError(f"'max-delay' is {request.max_delay_ms} ms, it must be zero or more")


def _schema(clause: str, columns: Columns) -> Schema:
    if not columns:
        raise PlanError(f"{clause} has no columns: declare at least one")
    try:
        return Schema.parse(columns)
    except PlanError as error:
        raise PlanError(f"{clause}: {error}") from None


def _format(request: Request) -> Format:
    form = formats.find(request.format)
    if form.of_weights and request.factory is None:
        raise PlanError(
            f"'format' {form.name!r} is weights alone: give 'factory', a module:function that makes the model"
        )
    if not form.of_weights and request.factory is not None:
        raise PlanError(needless("'factory'", f"'format' {form.name!r}"))
    return form


def _path(request: Request, form: Format) -> str:
    if not request.path:
        raise PlanError("'path' is missing: say where the model lies, a path or a URL")
    path = located(request.path)
    form.check_path(path)
    return path


def _inputs(request: Request, form: Format, frames: Layout) -> tuple[str, ...]:
    """The arguments of the model; without a word of them all columns and groups, in their order."""
    there = tuple(frames.index)
    if request.preprocess is not None:
        if request.inputs is not None:
            raise PlanError("'inputs' and 'preprocess' both say what the model gets: leave one of them out")
        return ()
    names = there if request.inputs is None else names_in("inputs", request.inputs)
    for name in names:
        if name not in there:
            raise PlanError(f"'inputs' names {name!r}, there is none: {suggestion(name, there)}")
        if form.takes_numbers_alone:
            _check_number(name, frames)
    return names


def _check_number(name: str, frames: Layout) -> None:
    index, slot = frames.index[name]
    block, column = frames.blocks[index], frames.columns[index][slot]
    if block.kind in (BlockKind.BYTES, BlockKind.LIST) or column.type.root is Root.DECIMAL:
        raise PlanError(
            f"'inputs': the column {name!r} is {column.type}, of which there is no tensor: make one in "
            f"'preprocess', CAST it in SQL, or say in 'groups' how long an ARRAY is, as in '{name}=16'"
        )
