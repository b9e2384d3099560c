"""`TensorBoardRunner`: TensorBoard as a node at the side of a cluster.

Its web page is at the address of the node, which the process prints and the status of the job shows.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from ml_framework.errors import PlanError
from ml_framework.host import split_address
from ml_framework.runner import PythonRunner

if TYPE_CHECKING:
    from ml_framework.context import NodeContext


def serve(ctx: NodeContext) -> None:
    """Serve the page until this process is asked to end; the entrypoint of a `TensorBoardRunner`."""
    _stand_in_for_pkg_resources()
    from tensorboard import default, program  # noqa: PLC0415 - only in the process that serves

    class Server(program.WerkzeugServer):  # type: ignore[misc] # no types
        """Listens beside the socket by which the agent keeps the port."""

        allow_reuse_port = True

    address = ctx.addresses[ctx.role][ctx.index]
    theirs = [plugin.load() for plugin in entry_points(group="tensorboard_plugins")]
    board = program.TensorBoard([*default.get_static_plugins(), *theirs], server_class=Server)
    board.configure(
        logdir=ctx.params["log_dir"],
        host=ctx.bind_host,
        port=split_address(address)[1],
        load_fast="false",  # else another process reads the events
        reload_interval=ctx.params["reload_interval_s"],
    )
    board.launch()
    print(f"TensorBoard: http://{address}/")
    ctx.stopping.wait()


def _stand_in_for_pkg_resources() -> None:
    """Let TensorBoard 2.20 import a package that new versions of setuptools do not have.

    It needs it to find plugins of others, which we do, and for its second process, which it does not have.
    """
    if importlib.util.find_spec("pkg_resources") is None:
        sys.modules["pkg_resources"] = ModuleType("pkg_resources")


@dataclass(frozen=True, init=False)
class TensorBoardRunner(PythonRunner):
    """Runs TensorBoard over a folder. Give its role the kind ``side``.

    Args:
        log_dir: folder or file system that the training processes write their events to.
        reload_interval_s: seconds between two looks for new events, above 0.

    Raises:
        PlanError: the interval is not positive.
    """

    binds_address: ClassVar[bool] = True  # its server cannot be handed a descriptor

    def __init__(self, log_dir: str | os.PathLike[str], *, reload_interval_s: float = 5.0) -> None:
        if reload_interval_s <= 0:
            raise PlanError(
                f"TensorBoardRunner: reload_interval_s is {reload_interval_s}, it must be above 0"
            )
        super().__init__(
            "tf_integration.tensorboard:serve",
            {"log_dir": os.fspath(log_dir), "reload_interval_s": reload_interval_s},
            env={"TF_CPP_MIN_LOG_LEVEL": "2"},
        )
