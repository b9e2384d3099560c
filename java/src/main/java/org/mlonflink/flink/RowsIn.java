package org.mlonflink.flink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.table.data.RowData;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.queue.FrameKind;
import org.mlonflink.queue.Producer;

/**
 * The way into the user's process: gathers rows into frames and puts frames and control numbers into the in-queue.
 *
 * <p>A frame goes when it is full, when its first row has waited {@code maxDelayMillis}, and before anything that must
 * stay behind its rows. Without a delay a row goes at once where the process waits for it, else with all that come
 * until the process has done with the frame before: frames are as small as the process is fast.
 *
 * <p>Used on the task thread only; a wait for room runs mails, among them this class's timer and {@link #onRing}, which
 * is why {@link #flush} says when it is under way.
 */
final class RowsIn {
    /** Runs mails until something may have changed; false when nobody will ever read. */
    interface Waiting {
        boolean await() throws Exception;
    }

    private final Producer queue;
    private final FrameEncoder encoder;
    private final Waiting waiting;
    private final ProcessingTimeService clock;
    private final long maxDelayMillis;

    private boolean flushing;
    private boolean timerSet;

    RowsIn(Producer queue, FrameEncoder encoder, Waiting waiting, ProcessingTimeService clock, long maxDelayMillis) {
        this.queue = queue;
        this.encoder = encoder;
        this.waiting = waiting;
        this.clock = clock;
        this.maxDelayMillis = maxDelayMillis;
    }

    void add(RowData row, long timestamp) throws Exception {
        encoder.append(row, timestamp);
        if (encoder.isFull()) {
            flush();
        } else if (maxDelayMillis == 0) {
            onRing();
        } else if (!timerSet) {
            timerSet = true;
            clock.registerTimer(clock.getCurrentProcessingTime() + maxDelayMillis, time -> onTimer());
        }
    }

    /** The process has perhaps done with a frame. */
    void onRing() throws Exception {
        if (maxDelayMillis == 0 && !flushing && encoder.rows() > 0 && queue.armForEmpty()) {
            flush();
        }
    }

    private void onTimer() throws Exception {
        timerSet = false;
        if (!flushing) {
            flush();
        }
    }

    /** Sends the rows gathered so far; waits for room. */
    void flush() throws Exception {
        if (encoder.rows() == 0) {
            return;
        }
        flushing = true;
        try {
            int size = encoder.size();
            if (size <= queue.maxRecord()) {
                ByteBuffer target = queue.claim(FrameKind.BATCH, size);
                while (target == null) {
                    if (!awaitRoom(size)) {
                        encoder.clear();
                        return;
                    }
                    target = queue.claim(FrameKind.BATCH, size);
                }
                encoder.writeTo(target);
                queue.commit();
            } else {
                ByteBuffer whole = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
                encoder.writeTo(whole);
                offer(FrameKind.BATCH, whole.flip());
            }
            encoder.clear();
        } finally {
            flushing = false;
        }
    }

    /** Sends a control frame behind all rows. */
    void send(int kind, long number) throws Exception {
        flush();
        ByteBuffer payload = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        offer(kind, payload.putLong(0, number));
    }

    /** Says that no more rows come; a process that is started anew behind the frame that says so finds it, too. */
    void sendEnd() throws Exception {
        flush();
        offer(FrameKind.END, ByteBuffer.allocate(0));
        queue.endOfStream();
    }

    /** Drops the frame when nobody reads. */
    private void offer(int kind, ByteBuffer payload) throws Exception {
        while (!queue.offer(kind, payload)) {
            if (!awaitRoom(payload.remaining())) {
                queue.abandon();
                return;
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
