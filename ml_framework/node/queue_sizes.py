"""How large the queues of a node are, at least and at most. It imports nothing, for `mlflink doctor`."""

SMALLEST_QUEUE_BYTES = 1 << 18
LARGEST_QUEUE_BYTES = 1 << 26
