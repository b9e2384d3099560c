"""What a person sees of a running job: a table that changes on a terminal, plain lines elsewhere."""

from ml_operator.terminal.flink import FlinkJob
from ml_operator.terminal.logs import LogFollower
from ml_operator.terminal.terminal import Terminal

__all__ = ["FlinkJob", "LogFollower", "Terminal"]
