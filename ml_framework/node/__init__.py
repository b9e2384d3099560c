"""The agent of a node: a small process that supervises the user's process on behalf of the AM and of Flink.

It attends the application master, starts the user's process when told so, tees its output, and reports its
end with the first cause. Rows never pass through it. ``python -m ml_framework.node`` starts one.
"""

import os

# Read when gRPC is first imported. Its notes on connections that end would stand among the user's output.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
