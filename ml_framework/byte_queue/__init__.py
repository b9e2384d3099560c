"""A byte queue carries frames from one process to another, through a ring over a mapped file.

The file is shared memory, so a frame is written once and read in place; a *doorbell* socket carries a byte
when the other end has said that it sleeps, and its end says that the other process has gone. There are four
ways to hear no, and they are four different things:

===================  ====================================================================
`QueueFull`          no room before the deadline; try later
`EndOfStream`        the producer closed the queue and every frame was read
`QueueClosed`        this end was closed, or the consumer closed its end
`PeerLost`           the doorbell ended without a clean close: the other process has gone
===================  ====================================================================

::

    create(path, 1 << 20)
    producer = Producer(MappedQueue.open(path), Doorbell(socket_of_this_process))
    producer.send(FrameKind.BATCH, [header, array])

    consumer = Consumer(MappedQueue.open(path), Doorbell(socket_of_that_process))
    frame = consumer.receive()
    use(frame.payload)
    frame.release()
"""

from ml_framework.byte_queue.doorbell import Doorbell
from ml_framework.byte_queue.ends import Consumer, Frame, Producer
from ml_framework.byte_queue.layout import FrameKind
from ml_framework.byte_queue.level import Level
from ml_framework.byte_queue.mapped import MappedQueue, create

__all__ = ["Consumer", "Doorbell", "Frame", "FrameKind", "Level", "MappedQueue", "Producer", "create"]
