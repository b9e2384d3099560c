"""How an algorithm is prepared and started, and what became of it.

A `Runner` says which process to start; `UserProcess` is that process, in a session of its own, its `Output`
teed; `bootstrap` is what runs inside it, and `ErrorFile` what it leaves behind when it raises.
`PythonRunner` runs an entrypoint in plain Python; the integrations derive theirs from it.
"""

from ml_framework.runner.base import Attempt, Command, Program, Runner
from ml_framework.runner.python import PythonRunner

__all__ = ["Attempt", "Command", "Program", "PythonRunner", "Runner"]
