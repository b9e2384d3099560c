"""Loads the bridge jar into a job, makes instances of its classes, and reads the options of a job in Java."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from pyflink.common import Configuration
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import add_jars_to_context_class_loader

from ml_operator.jar import jar_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflink.datastream import StreamExecutionEnvironment


@cache
def _class_loader(gateway: Any) -> Any:
    """The one loader of the bridge's classes: py4j knows methods by the name of their class alone.

    The thread's own is another where py4j has opened a further connection, with a Java thread of its own.
    """
    return gateway.jvm.Thread.currentThread().getContextClassLoader()


def instance(name: str) -> Any:
    """A new instance of a public class of the jar, with a constructor without arguments, without any job."""
    add_jars_to_context_class_loader([f"file://{jar_path()}"])
    return _class_loader(get_gateway()).loadClass(name).newInstance()


class Bridge:
    """The bridge jar, added to one environment.

    The jar's classes live in the gateway's context class loader, which the gateway's `jvm` view does not see;
    instances are made by reflection and then behave like any other Java object.
    """

    def __init__(self, env: StreamExecutionEnvironment) -> None:
        env.add_jars(f"file://{jar_path()}")
        self._loader = _class_loader(get_gateway())

    @cached_property
    def graph(self) -> Any:
        """`org.mlonflink.flink.Graph`."""
        return self.instance("org.mlonflink.flink.Graph")

    @cached_property
    def streams(self) -> Any:
        """`org.mlonflink.flink.Streams`."""
        return self.instance("org.mlonflink.flink.Streams")

    def instance(self, name: str) -> Any:
        """A new instance of a public class of the jar that has a constructor without arguments."""
        return self._loader.loadClass(name).newInstance()


@contextmanager
def undone(env: StreamExecutionEnvironment, *, always: bool = False) -> Iterator[None]:
    """Take what this block adds to the graph of `env` out again when it fails, or `always`."""
    operators = env._j_stream_execution_environment.getTransformations()
    before = len(operators)
    kept = False
    try:
        yield
        kept = not always
    finally:
        while not kept and len(operators) > before:
            del operators[-1]


def environment_options(env: StreamExecutionEnvironment) -> Configuration:
    """The configuration of `env` itself, readable and writable."""
    utils = get_gateway().jvm.org.apache.flink.python.util.PythonConfigUtil
    return Configuration(j_configuration=utils.getEnvironmentConfig(env._j_stream_execution_environment))


def python_options(env: StreamExecutionEnvironment) -> dict[str, str]:
    """What the job says of Python: interpreter, files, archives, requirements."""
    utils = get_gateway().jvm.org.apache.flink.python.util.PythonConfigUtil
    return dict(utils.extractPythonConfiguration(environment_options(env)._j_configuration).toMap())
