package org.mlonflink.queue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The end of a byte queue that frames come out of.
 *
 * <pre>
 * do {
 *     while (consumer.poll()) {
 *         use(consumer.kind(), consumer.payload());
 *         consumer.release();
 *     }
 * } while (consumer.arm());
 * // sleep, unless this is the end of the stream; the peer rings
 * </pre>
 *
 * <p>It begins behind what was released last, so a frame that a former consumer did not release comes again; the rest of
 * a frame of several records whose beginning is gone is skipped.
 */
public final class Consumer implements AutoCloseable {
    private static final int NOTHING = 0;

    private final Ring ring;
    private final Doorbell bell;

    /** Where the next record begins. */
    private long position;
    /** Kind of the frame at hand. */
    private int kind = NOTHING;

    private ByteBuffer payload;

    /** What has come of a frame of several records, {@code joined} bytes; the array is used again. */
    private byte[] parts = new byte[0];

    private int joined;
    private boolean joining;
    private boolean closed;

    /** Takes over the consumer's end of {@code file}; no other consumer may be at work on it. */
    public Consumer(QueueFile file, Doorbell bell) {
        this.ring = new Ring(file);
        this.bell = bell;
        this.position = ring.position(Layout.HEAD);
        ring.set(Layout.CONSUMER_WAITS, false);
        ring.set(Layout.CONSUMER_CLOSED, false);
    }

    /** Goes on to the next whole frame; false when there is none yet. The frame before must have been released. */
    public boolean poll() {
        if (closed || kind != NOTHING) {
            throw new IllegalStateException(closed ? "this end of the queue was closed" : "a frame is not released");
        }
        while (kind == NOTHING && hasRecord()) {
            read();
        }
        return kind != NOTHING;
    }

    /** What the frame at hand says, see {@link FrameKind}. */
    public int kind() {
        requireFrame();
        return kind;
    }

    /**
     * The payload of the frame at hand, little-endian and valid until {@link #release}: in place where it came in one
     * record, else in memory of this end.
     */
    public ByteBuffer payload() {
        requireFrame();
        return payload;
    }

    /** Says that the frame at hand is no longer used; its room goes back to the producer. */
    public void release() {
        requireFrame();
        kind = NOTHING;
        payload = null;
        giveBack();
    }

    /**
     * To be called before sleeping: says that this end waits for frames, then looks again.
     *
     * @return whether something is there to be polled, perhaps only a part of a frame; the doorbell will ring for what
     *     comes after it
     */
    public boolean arm() {
        ring.wake(Layout.PRODUCER_WAITS, bell); // whatever room there is, the producer may have it meanwhile
        ring.arm(Layout.CONSUMER_WAITS);
        return hasRecord();
    }

    /** Whether the producer has closed its end cleanly and every frame was polled. Ask after {@link #arm}. */
    public boolean isEndOfStream() {
        return ring.isSet(Layout.PRODUCER_CLOSED) && !hasRecord();
    }

    /** Closes this end cleanly: the producer hears that nobody will read. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            ring.set(Layout.CONSUMER_CLOSED, true);
            ring.wake(Layout.PRODUCER_WAITS, bell);
        }
    }

    private boolean hasRecord() {
        return ring.position(Layout.TAIL) != position;
    }

    /** Reads one record: it becomes the frame at hand, or a part of one. */
    private void read() {
        int index = ring.index(position);
        int length = ring.length(index);
        if (ring.kind(index) == Layout.PADDING && index + Layout.RECORD_BYTES + length == ring.capacity) {
            position += Layout.RECORD_BYTES + length;
            index = 0;
            length = ring.length(index);
        }
        int flags = ring.flags(index);
        int read = ring.kind(index);
        check(index, length, read);
        position += Layout.recordSize(length);
        if (flags == Layout.WHOLE) {
            joining = false;
            kind = read;
            payload = ring.payload(index, length);
        } else {
            join(ring.payload(index, length), flags);
            giveBack();
            if (joining && (flags & Layout.LAST) != 0) {
                joining = false;
                kind = read;
                payload = ByteBuffer.wrap(parts, 0, joined).slice().order(ByteOrder.LITTLE_ENDIAN);
            }
        }
    }

    private void check(int index, int length, int read) {
        boolean fits = length >= 0 && length <= ring.maxRecord && index + Layout.recordSize(length) <= ring.capacity;
        if (!fits || read < FrameKind.BATCH || read > FrameKind.STATE) {
            throw new IllegalStateException(
                    "no record at position " + position + ": length " + length + ", kind " + read);
        }
    }

    private void join(ByteBuffer record, int flags) {
        if ((flags & Layout.FIRST) != 0) {
            joining = true;
            joined = 0;
        }
        if (!joining) {
            return; // the beginning of this frame went to a former consumer
        }
        int length = record.remaining();
        int needed = Math.addExact(joined, length);
        if (needed > parts.length) {
            parts = Arrays.copyOf(parts, Math.max(needed, 2 * parts.length));
        }
        record.get(parts, joined, length);
        joined = needed;
    }

    private void giveBack() {
        ring.position(Layout.HEAD, position);
        if (2 * (ring.position(Layout.TAIL) - position) <= ring.capacity) {
            ring.wake(Layout.PRODUCER_WAITS, bell);
        }
    }

    private void requireFrame() {
        if (kind == NOTHING) {
            throw new IllegalStateException("no frame is at hand");
        }
    }
}
