"""What tests, ours and those of users, are made of: a cluster without Flink, its parts, and toy programs.

`local_cluster` runs the real application master and real agents on this machine, and a training script that
way. `local_node` is a single agent, `scripted_master` an application master that says what a test wants it
to say, `flink_end` the other end of a node's queues. `programs` holds entrypoints that misbehave in
well-known ways; they are imported by user processes, which is why this module itself imports nothing.
Nothing here needs pytest.
"""
