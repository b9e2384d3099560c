"""Into PyFlink's JVM, for the commands that need it; it takes some seconds to start."""

from __future__ import annotations

from typing import Any

from ml_framework.errors import CommandFailed
from ml_operator.cli import flink

_ASK_DOCTOR = "`mlflink doctor` says what to do"


def instance(name: str) -> Any:
    """A new instance of a public class of the bridge.

    Raises:
        CommandFailed: there is no Java or no PyFlink.
    """
    if flink.java() is None:
        raise CommandFailed(f"there is no Java, which this command needs: {_ASK_DOCTOR}")
    try:
        from ml_operator import bridge  # noqa: PLC0415 - it imports PyFlink
    except ImportError as error:
        raise CommandFailed(
            f"{error.name} is not installed, which this command needs: {_ASK_DOCTOR}"
        ) from None
    return bridge.instance(name)


def java_error() -> type[Exception]:
    """What calls of the instance raise for an exception of Java's."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415 - PyFlink may be missing

    error: type[Exception] = Py4JJavaError
    return error
