"""The state of user code in a checkpoint: what it is, how it is saved, and where it lies meanwhile.

A *stateful* object, a model or an optimizer, gives its state as a *tree* of plain data and takes one back.
An `Encoding` plans how a tree lies in memory and writes it there: the numbers and names as one small block,
every array copied once to a place of its own. The memory is shared: Flink reads it at leisure while user
code goes on, so a checkpoint holds training up for no longer than that copy.

::

    model = stateful("model", net, framework)
    encoding = Encoding({"model": model.save(), "random": framework.random_state()}, framework.kinds)
    memory = memories.take(encoding.nbytes)
    encoding.write(memory.memory)
    payload = memory.publish([(0, encoding.nbytes)])            # of the STATE frame

    tree = decode(blob, framework.kinds)
    model.load(tree["model"])
    framework.set_random_state(tree["random"])

What a `Framework` adds are the `Kind` of its tensors, what it knows of its objects, and its random numbers;
`PLAIN` is none.
"""

from ml_framework.checkpoint.encoding import Encoded, Encoding, decode
from ml_framework.checkpoint.framework import PLAIN, Framework
from ml_framework.checkpoint.kinds import Kind
from ml_framework.checkpoint.memory import StateMemories, StateMemory
from ml_framework.checkpoint.objects import Stateful, stateful

__all__ = [
    "PLAIN",
    "Encoded",
    "Encoding",
    "Framework",
    "Kind",
    "StateMemories",
    "StateMemory",
    "Stateful",
    "decode",
    "stateful",
]
