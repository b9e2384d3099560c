"""Finding entrypoints: by name and without importing them at planning, by import in the user's process."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError
from ml_framework.names import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def resolve(name: str) -> Any:
    """What ``module:name.of.attribute`` names, its module imported.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: it has no such attribute.
    """
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in path.split("."):
        found = getattr(found, attribute)
    return found


@dataclass(frozen=True)
class Named:
    """The function ``module:name``, imported when it is called here, or where it arrives.

    Pickled, it is the function itself to whoever loads it: a node that has no such function says so before
    its first row.
    """

    name: str

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns; `ImportError` or `AttributeError` where there is none."""
        return resolve(self.name)(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return resolve, (self.name,)


def search_path() -> tuple[str, ...]:
    """Where the planning process finds its user's own modules: next to its main script and in its folder."""
    main = sys.modules.get("__main__")
    file: str | None = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is not None:
        file = None  # ``python -m module`` looks in no folder of its own
    folders = [] if file is None else [str(Path(file).resolve().parent)]
    return tuple(dict.fromkeys([*folders, str(Path.cwd())]))


def importable_name(function: Callable[..., object]) -> str | None:
    """The ``module:qualname`` under which another process can import `function`, None if there is none."""
    module: str | None = getattr(function, "__module__", None)
    name: str | None = getattr(function, "__qualname__", None)
    if module is None or module == "__main__" or name is None or "<" in name:
        return None
    found: object = sys.modules.get(module)
    for attribute in name.split("."):
        found = getattr(found, attribute, None)
    return f"{module}:{name}" if found is function else None


def check_entrypoint(role: str, entrypoint: str, folders: Sequence[str]) -> None:
    """`check_function` of the entrypoint of `role`."""
    check_function(f"role {role!r}: entrypoint", entrypoint, folders)


def check_function(what: str, name: str, folders: Sequence[str], remedy: str = "") -> None:
    """Check that `name` is a function of a module that can be found in `folders` or on the own path.

    Nothing is imported but the packages that contain the module.

    Args:
        what: is named so.
        name: ``module:function``.
        folders: for modules.
        remedy: stands behind the name of a module that there is not.

    Raises:
        PlanError: with `what`, the name, and names that are near it.
    """
    what = f"{what} {name!r}"
    module, colon, path = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
        raise PlanError(f"{what} is not of the form 'module:function'")
    source = _source_of(what, module, [*folders, *sys.path], remedy)
    if source is None:
        return  # an extension module or the like: only importing it would tell
    names = list(_top_level_names(what, source))
    function = path.partition(".")[0]
    if function not in names and "*" not in names:
        raise PlanError(f"{what}: {source} defines no {function!r}{_did_you_mean(function, names)}")


def _source_of(what: str, module: str, folders: Sequence[str], remedy: str) -> Path | None:
    """The source file of `module`, None if it has none."""
    search: Sequence[str] | None = folders
    parts = module.split(".")
    spec = None
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        spec = importlib.machinery.PathFinder.find_spec(name, search)
        if spec is None:
            near = _did_you_mean(parts[depth], _modules_in(search or ()))
            raise PlanError(f"{what}: there is no module {name!r}{remedy}{near}")
        search = list(spec.submodule_search_locations or ())
    assert spec is not None
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _modules_in(folders: Sequence[str]) -> list[str]:
    entries = (
        path for folder in folders if (root := Path(folder or ".")).is_dir() for path in root.iterdir()
    )
    return [path.stem for path in entries if path.suffix == ".py" or (path / "__init__.py").is_file()]


def _top_level_names(what: str, source: Path) -> Iterator[str]:
    try:
        tree = ast.parse(source.read_bytes(), str(source))
    except SyntaxError as error:
        raise PlanError(f"{what}: {source}, line {error.lineno}: {error.msg}") from error
    return _names_bound_by(tree.body)


def _names_bound_by(body: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.Assign() | ast.AnnAssign():
                yield from (
                    node.id
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                )
            case _:  # what an if, try, with, for or while binds is bound at the top level, too
                for name in ("body", "orelse", "finalbody"):
                    yield from _names_bound_by(getattr(statement, name, ()))
                for handler in getattr(statement, "handlers", ()):
                    yield from _names_bound_by(handler.body)


def _did_you_mean(name: str, candidates: Sequence[str]) -> str:
    near = closest(name, candidates)
    return f"; {near}" if near else ""
