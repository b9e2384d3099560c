"""`Arguments`: what a model is called with, made of columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Arguments:
    """Columns, and groups of columns, in the order in which a model is called with them.

    Columns travel one by one, each with its nulls and in its own type, and become groups where the model is:
    so they may be of several types, and come back beside the answers.

    Args:
        inputs: names of columns or groups.
        groups: name to columns, which become one tensor ``(rows, columns)``, or to the width of an ARRAY
            column of that name, which is one tensor already.
        dtype: what everything is cast to, by numpy's name; None leaves it as it is.
    """

    inputs: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...] | int] = field(default_factory=dict)
    dtype: str | None = None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that `arranged` takes, in order; one may be there more than once."""
        return tuple(column for part in self._parts() for column in part)

    @property
    def vectors(self) -> dict[str, int]:
        """The ARRAY columns among them, by name, with their widths."""
        return {name: width for name in self.inputs if isinstance(width := self.groups.get(name), int)}

    def arranged(
        self,
        values: Sequence[Any],
        *,
        cast: Callable[[Any, str], Any],
        stack: Callable[[list[Any]], Any],
    ) -> tuple[Any, ...]:
        """The arguments, made of the values of `columns`.

        Args:
            values: arrays or tensors, ``(rows,)``, or ``(rows, width)`` of an ARRAY column.
            cast: gives one another dtype.
            stack: makes ``(rows, n)`` of a list of n of them.
        """
        dtype = self.dtype
        cast_values = iter(values if dtype is None else [cast(value, dtype) for value in values])
        return tuple(
            stack([next(cast_values) for _ in part]) if self._is_matrix(name) else next(cast_values)
            for name, part in zip(self.inputs, self._parts(), strict=True)
        )

    def _parts(self) -> Iterator[tuple[str, ...]]:
        """The columns of each argument."""
        for name in self.inputs:
            group = self.groups.get(name, (name,))
            yield group if isinstance(group, tuple) else (name,)

    def _is_matrix(self, name: str) -> bool:
        return isinstance(self.groups.get(name), tuple)
