package org.mlonflink.flink;

import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.table.data.RowData;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.queue.Producer;

/**
 * The way into the user's process: gathers rows into frames.
 *
 * <p>A frame goes when it is full, when its first row has waited {@code maxDelayMillis}, and before anything that must
 * stay behind its rows. Without a delay a row goes at once where the process waits for it, else with all that come
 * until the process has done with the frame before: frames are as small as the process is fast.
 *
 * <p>Used on the task thread only; a wait for room runs mails, among them this class's timer and {@link #onRing}, which
 * is why {@link #flush} says when it is under way.
 */
final class RowsIn {
    private final Producer queue;
    private final FramesIn frames;
    private final FrameEncoder encoder;
    private final ProcessingTimeService clock;
    private final long maxDelayMillis;

    private boolean flushing;
    private boolean timerSet;

    RowsIn(
            Producer queue,
            FrameEncoder encoder,
            FramesIn.Waiting waiting,
            ProcessingTimeService clock,
            long maxDelayMillis) {
        this.queue = queue;
        this.frames = new FramesIn(queue, waiting);
        this.encoder = encoder;
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
            frames.send(encoder);
        } finally {
            flushing = false;
        }
    }

    /** Sends a control frame behind all rows. */
    void send(int kind, long number) throws Exception {
        flush();
        frames.send(kind, number);
    }
}
