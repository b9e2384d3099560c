package org.mlonflink.node;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.queue.FrameKind;
import org.mlonflink.queue.Producer;
import org.mlonflink.state.NodeState;

/** Puts whole frames into the in-queue, waiting for room. A frame that nobody will read is dropped. */
public final class FramesIn {
    /** Runs mails until something may have changed; false when nobody will ever read. */
    public interface Waiting {
        boolean await() throws Exception;
    }

    private final Producer queue;
    private final Waiting waiting;
    private long writeNanos;

    /** Whoever puts frames into `queue` waits by `waiting`. */
    public FramesIn(Producer queue, Waiting waiting) {
        this.queue = queue;
        this.waiting = waiting;
    }

    /** How long it took so far to write rows into frames. */
    long writeNanos() {
        return writeNanos;
    }

    /** Sends the encoder's rows, and empties it. */
    void send(FrameEncoder encoder) throws Exception {
        int size = encoder.size();
        if (size <= queue.maxRecord()) {
            ByteBuffer target = queue.claim(FrameKind.BATCH, size);
            while (target == null && awaitRoom(size)) {
                target = queue.claim(FrameKind.BATCH, size);
            }
            if (target != null) {
                write(encoder, target);
                queue.commit();
            }
        } else {
            ByteBuffer whole = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
            write(encoder, whole);
            offer(FrameKind.BATCH, whole.flip());
        }
        encoder.clear();
    }

    private void write(FrameEncoder encoder, ByteBuffer target) {
        long begun = System.nanoTime();
        encoder.writeTo(target);
        writeNanos += System.nanoTime() - begun;
    }

    /** Sends a control frame. */
    public void send(int kind, long number) throws Exception {
        ByteBuffer payload = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        offer(kind, payload.putLong(0, number));
    }

    /** Sends a piece of state: its length, then its bytes in as many frames as they need. */
    public void send(NodeState state) throws Exception {
        long length = state.length();
        send(FrameKind.STATE, length);
        byte[] chunk = new byte[(int) Math.min(queue.maxRecord(), length)];
        int count;
        boolean read = true;
        for (long position = 0; read && position < length; position += count) {
            count = (int) Math.min(chunk.length, length - position);
            state.read(position, chunk, count);
            read = offer(FrameKind.STATE, ByteBuffer.wrap(chunk, 0, count));
        }
    }

    /** Says that no more rows come; a process that is started anew behind the frame that says so finds it, too. */
    public void sendEnd() throws Exception {
        offer(FrameKind.END, ByteBuffer.allocate(0));
        queue.endOfStream();
    }

    /** Puts in a frame of any size; false when nobody will ever read it. */
    private boolean offer(int kind, ByteBuffer payload) throws Exception {
        boolean whole = false;
        try {
            do {
                whole = queue.offer(kind, payload);
            } while (!whole && awaitRoom(payload.remaining()));
            return whole;
        } finally {
            if (!whole) {
                queue.abandon();
            }
        }
    }

    /** False when nobody will ever read: the user's function returned early, or the node has ended. */
    private boolean awaitRoom(int size) throws Exception {
        if (queue.armForRoom(size)) {
            return true;
        }
        return !queue.isConsumerClosed() && waiting.await();
    }
}
