"""The application master (AM): brings the nodes of a job together, watches them, decides about their end.

`machine` decides and touches nothing; `executor` does what was decided and decides nothing; `service` speaks
gRPC; `server` is the three of them listening. A framework whose clusters live differently passes a
`StateMachine` of its own.
"""

from ml_framework.master.machine import TRANSITIONS, StateMachine, TableMachine
from ml_framework.master.server import MasterConfig, MasterServer
from ml_framework.master.state import Snapshot, State

__all__ = ["TRANSITIONS", "MasterConfig", "MasterServer", "Snapshot", "State", "StateMachine", "TableMachine"]
