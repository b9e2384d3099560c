"""The columns of a table as both ends see them, read from Flink's serializable type strings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Root(StrEnum):
    """The supported type roots, by Flink's names."""

    BOOLEAN = "BOOLEAN"
    TINYINT = "TINYINT"
    SMALLINT = "SMALLINT"
    INT = "INT"
    BIGINT = "BIGINT"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    DECIMAL = "DECIMAL"
    CHAR = "CHAR"
    VARCHAR = "VARCHAR"
    BINARY = "BINARY"
    VARBINARY = "VARBINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_LTZ = "TIMESTAMP_LTZ"
    ARRAY = "ARRAY"


_MAX_LENGTH = 2**31 - 1
_MAX_COMPACT_PRECISION = 18  # of a decimal whose unscaled value always fits 64 bits
_ALIASES = {"STRING": f"VARCHAR({_MAX_LENGTH})", "BYTES": f"VARBINARY({_MAX_LENGTH})", "INTEGER": "INT"}
_DEFAULTS: Mapping[Root, tuple[int, int]] = {
    Root.DECIMAL: (10, 0),
    Root.TIME: (0, 0),
    Root.TIMESTAMP: (6, 0),
    Root.TIMESTAMP_LTZ: (6, 0),
}
_SIMPLE = re.compile(
    r"(?P<root>[A-Z_]+)"
    r"(?: ?\(\s*(?P<first>\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\))?"
    r"(?P<zone> WITH LOCAL TIME ZONE)?"
)
_ARRAY = re.compile(r"ARRAY<(?P<element>.+)>")
_STORAGE = {
    Root.BOOLEAN: "bool",
    Root.TINYINT: "int8",
    Root.SMALLINT: "int16",
    Root.INT: "int32",
    Root.BIGINT: "int64",
    Root.FLOAT: "float32",
    Root.DOUBLE: "float64",
    Root.CHAR: "bytes",
    Root.VARCHAR: "bytes",
    Root.BINARY: "bytes",
    Root.VARBINARY: "bytes",
    Root.DATE: "int32",
    Root.TIME: "int32",
    Root.TIMESTAMP: "int64",
    Root.TIMESTAMP_LTZ: "int64",
    Root.ARRAY: "list",
}
_NUMBERS = frozenset(list(Root)[:7])
_INTEGERS = (Root.TINYINT, Root.SMALLINT, Root.INT, Root.BIGINT)
_TIMESTAMPS = (Root.TIMESTAMP, Root.TIMESTAMP_LTZ)


@dataclass(frozen=True)
class ColumnType:
    """A SQL type.

    Attributes:
        root: which type.
        nullable: whether a value may be null.
        length: of CHAR, VARCHAR, BINARY, VARBINARY.
        precision: of DECIMAL, TIME, TIMESTAMP and TIMESTAMP_LTZ.
        scale: of DECIMAL.
        element: type of an ARRAY's elements.
    """

    root: Root
    nullable: bool = True
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    element: ColumnType | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """Read what Flink's ``LogicalType.asSerializableString()`` wrote.

        Raises:
            PlanError: the type is not supported; the message holds it and the remedy.
        """
        bare = text.strip()
        nullable = not bare.endswith(" NOT NULL")
        bare = bare.removesuffix(" NOT NULL").removesuffix(" NULL").strip()
        bare = _ALIASES.get(bare, bare)
        if array := _ARRAY.fullmatch(bare):
            element = cls.parse(array["element"])
            if element.root is not Root.ARRAY:
                return cls(Root.ARRAY, nullable, element=element)
        elif (simple := _SIMPLE.fullmatch(bare)) and (parsed := cls._simple(simple, nullable=nullable)):
            return parsed
        raise PlanError(f"type {text} is not supported: flatten it in SQL, or CAST it to a supported type")

    @classmethod
    def _simple(cls, match: re.Match[str], *, nullable: bool) -> ColumnType | None:
        name = match["root"] + ("_LTZ" if match["zone"] else "")
        if name not in Root.__members__ or name == Root.ARRAY:
            return None
        root = Root(name)
        if root in (Root.CHAR, Root.VARCHAR, Root.BINARY, Root.VARBINARY):
            return cls(root, nullable, length=int(match["first"] or 1))
        if root not in _DEFAULTS:
            return None if match["first"] else cls(root, nullable)
        precision, scale = _DEFAULTS[root]
        precision, scale = int(match["first"] or precision), int(match["second"] or scale)
        return cls(root, nullable, precision=precision, scale=scale if root is Root.DECIMAL else None)

    @property
    def storage(self) -> str:
        """Physical type: a numpy dtype name, ``decimal128``, ``bytes`` or ``list``."""
        if self.root is Root.DECIMAL:
            return "int64" if (self.precision or 0) <= _MAX_COMPACT_PRECISION else "decimal128"
        return _STORAGE[self.root]

    @property
    def unit(self) -> str | None:
        """What an integer of a temporal column counts: ``D``, ``ms``, ``us`` or ``ns``; else None."""
        if self.root in _TIMESTAMPS:
            return ("ms", "us", "ns")[max(0, (self.precision or 0) - 1) // 3]
        return {Root.DATE: "D", Root.TIME: "ms"}.get(self.root)

    @property
    def is_number(self) -> bool:
        """BOOLEAN, an integer, FLOAT or DOUBLE: what may be part of a tensor."""
        return self.root in _NUMBERS

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers."""
        return self.root in _INTEGERS

    @property
    def is_text(self) -> bool:
        """CHAR or VARCHAR: bytes that are UTF-8."""
        return self.root in (Root.CHAR, Root.VARCHAR)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that `from_json`, and the JVM, read."""
        data: dict[str, Any] = {"root": self.root.value, "nullable": self.nullable}
        data |= {name: getattr(self, name) for name in ("length", "precision", "scale")}
        data["element"] = self.element.to_json() if self.element else None
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnType:
        """The type that `to_json` wrote."""
        element = cls.from_json(data["element"]) if "element" in data else None
        return cls(**{**data, "root": Root(data["root"]), "element": element})

    def __str__(self) -> str:
        end = "" if self.nullable else " NOT NULL"
        if self.element:
            return f"ARRAY<{self.element}>{end}"
        if self.length is not None:
            return f"{self.root.value}({self.length}){end}"
        if self.root is Root.DECIMAL:
            return f"DECIMAL({self.precision}, {self.scale}){end}"
        if self.root is Root.TIMESTAMP_LTZ:
            return f"TIMESTAMP({self.precision}) WITH LOCAL TIME ZONE{end}"
        return self.root.value + (f"({self.precision})" if self.precision is not None else "") + end


@dataclass(frozen=True)
class Column:
    """A named column."""

    name: str
    type: ColumnType

    @classmethod
    def parse(cls, name: str, text: str) -> Column:
        """The column of that name and Flink type string; `PlanError` names both if it is not supported."""
        try:
            return cls(name, ColumnType.parse(text))
        except PlanError as error:
            raise PlanError(f"column {name!r}: {error}") from None

    @property
    def nullable(self) -> bool:
        """Whether the column may hold nulls."""
        return self.type.nullable


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order.

    Raises:
        PlanError: two columns have one name.
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = self.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise PlanError(f"column {twice[0]!r} is there twice: rename one of them in SQL")

    @classmethod
    def parse(cls, columns: Iterable[tuple[str, str]]) -> Schema:
        """The schema of ``(name, Flink type string)`` pairs."""
        return cls(tuple(Column.parse(name, text) for name, text in columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def to_json(self) -> list[dict[str, Any]]:
        """A JSON-able form that `from_json`, and the JVM, read."""
        return [{"name": column.name, "type": column.type.to_json()} for column in self.columns]

    @classmethod
    def from_json(cls, data: Sequence[Mapping[str, Any]]) -> Schema:
        """The schema that `to_json` wrote."""
        return cls(tuple(Column(column["name"], ColumnType.from_json(column["type"])) for column in data))

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)
