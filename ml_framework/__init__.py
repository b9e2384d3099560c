"""Makes and manages an ML cluster; knows nothing of Flink or of any ML framework.

`master` is the application master, `node` the agent that supervises one node, `runner` how an algorithm is
prepared and started, `context` what user code gets, `byte_queue` and `codec` how rows cross processes.
"""
