package org.mlonflink.queue;

import java.nio.ByteBuffer;

/**
 * The end of a byte queue that frames go into.
 *
 * <p>A frame of at most {@link #maxRecord} bytes can be written in place: {@link #claim}, fill the buffer,
 * {@link #commit}. {@link #offer} copies a frame of any size. When there is no room:
 *
 * <pre>
 * while (!producer.offer(kind, payload)) {
 *     if (!producer.armForRoom(payload.remaining())) {
 *         // sleep; the peer rings when it has made room, and when it has closed its end
 *     }
 * }
 * </pre>
 */
public final class Producer implements AutoCloseable {
    private final Ring ring;
    private final Doorbell bell;

    private long tail;
    private long head;
    /** Where the claimed record ends; equal to {@code tail} where none is claimed. */
    private long claimed;
    /** The payload of a frame that has begun and is not whole yet. */
    private ByteBuffer begun;

    private boolean closed;

    /** Takes over the producer's end of {@code file}; no other producer may be at work on it. */
    public Producer(QueueFile file, Doorbell bell) {
        this.ring = new Ring(file);
        this.bell = bell;
        this.tail = ring.position(Layout.TAIL);
        this.head = ring.position(Layout.HEAD);
        this.claimed = tail;
        ring.set(Layout.PRODUCER_WAITS, false);
        ring.set(Layout.PRODUCER_CLOSED, false);
    }

    /** Longest payload, in bytes, that travels in one record and that the consumer reads in place. */
    public int maxRecord() {
        return ring.maxRecord;
    }

    /**
     * A buffer in the ring, 64-byte aligned and little-endian, for the payload of one frame; null when there is no room.
     * The frame is seen by the consumer after {@link #commit}.
     *
     * @param length of the payload, at most {@link #maxRecord}
     */
    public ByteBuffer claim(int kind, int length) {
        if (length < 0 || length > ring.maxRecord) {
            throw new IllegalArgumentException("a record holds 0 to " + ring.maxRecord + " bytes, not " + length);
        }
        if (begun != null) {
            throw new IllegalStateException("the frame that was offered is not whole yet");
        }
        return reserve(kind, Layout.WHOLE, length);
    }

    /** Publishes the frame that was claimed. */
    public void commit() {
        if (claimed == tail) {
            throw new IllegalStateException("nothing was claimed");
        }
        tail = claimed;
        ring.position(Layout.TAIL, tail);
        ring.wake(Layout.CONSUMER_WAITS, bell);
    }

    /**
     * Puts a frame of any size into the queue, as far as there is room, and moves {@code payload}'s position on.
     *
     * @return whether the whole frame is in; if not, offer the same buffer again
     */
    public boolean offer(int kind, ByteBuffer payload) {
        if (begun != null && begun != payload) {
            throw new IllegalStateException("another frame was offered and is not whole yet");
        }
        boolean last;
        do {
            int length = Math.min(payload.remaining(), ring.maxRecord);
            last = length == payload.remaining();
            int flags = (begun == null ? Layout.FIRST : 0) | (last ? Layout.LAST : 0);
            ByteBuffer record = reserve(kind, flags, length);
            if (record == null) {
                return false;
            }
            record.put(payload.slice(payload.position(), length));
            payload.position(payload.position() + length);
            begun = last ? null : payload;
            commit();
        } while (!last);
        return true;
    }

    /**
     * Gives up a frame that was offered and is not whole yet, if there is one; a consumer skips what there is of it.
     */
    public void abandon() {
        begun = null;
    }

    /**
     * To be called before sleeping: says that this end waits for room, then looks again.
     *
     * @param length of the payload there should be room for; of a longer frame only the next record counts
     * @return whether there is room now; if not, the doorbell will ring
     */
    public boolean armForRoom(int length) {
        ring.arm(Layout.PRODUCER_WAITS);
        boolean room = hasRoom(Layout.recordSize(Math.min(length, ring.maxRecord)));
        if (room) {
            ring.set(Layout.PRODUCER_WAITS, false);
        }
        return room;
    }

    /**
     * Says that this end wants to hear of the next frame that is released, then looks whether all are.
     *
     * @return whether the queue is empty and nothing of it in use; if not, the doorbell will ring
     */
    public boolean armForEmpty() {
        ring.arm(Layout.PRODUCER_WAITS);
        head = ring.position(Layout.HEAD);
        if (head == tail) {
            ring.set(Layout.PRODUCER_WAITS, false);
        }
        return head == tail;
    }

    /** Whether the consumer has closed its end cleanly, so that nobody will read. Ask after {@link #armForRoom}. */
    public boolean isConsumerClosed() {
        return ring.isSet(Layout.CONSUMER_CLOSED);
    }

    /**
     * Says that the stream has ended, for whoever reads it, now or later: a consumer that finds no frame meets the end
     * of the stream. Unlike after {@link #close}, control frames may follow.
     */
    public void endOfStream() {
        ring.set(Layout.PRODUCER_CLOSED, true);
        ring.wake(Layout.CONSUMER_WAITS, bell);
    }

    /** Closes this end cleanly: the consumer reads what is there and then meets the end of the stream. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            ring.set(Layout.PRODUCER_CLOSED, true);
            ring.wake(Layout.CONSUMER_WAITS, bell);
        }
    }

    /** Writes the header of the next record, behind padding where the rest of the ring is too short for it. */
    private ByteBuffer reserve(int kind, int flags, int length) {
        if (closed) {
            throw new IllegalStateException("this end of the queue was closed");
        }
        if (claimed != tail) {
            throw new IllegalStateException("a frame was claimed and not committed");
        }
        int size = Layout.recordSize(length);
        if (!hasRoom(size)) {
            return null;
        }
        int index = ring.index(tail);
        int padding = padding(index, size);
        if (padding > 0) {
            ring.header(index, padding - Layout.RECORD_BYTES, Layout.PADDING, 0);
            index = 0;
        }
        ring.header(index, length, kind, flags);
        claimed = tail + padding + size;
        return ring.payload(index, length);
    }

    private boolean hasRoom(int size) {
        long end = tail + padding(ring.index(tail), size) + size;
        if (end - head > ring.capacity) {
            head = ring.position(Layout.HEAD);
        }
        return end - head <= ring.capacity;
    }

    private int padding(int index, int size) {
        int rest = ring.capacity - index;
        return size > rest ? rest : 0;
    }
}
