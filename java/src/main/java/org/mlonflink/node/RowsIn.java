package org.mlonflink.node;

import org.apache.flink.table.data.RowData;
import org.apache.flink.util.function.ThrowingRunnable;
import org.mlonflink.columns.FrameEncoder;
import org.mlonflink.queue.FrameKind;
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
public final class RowsIn {
    /** One in so many rows is timed, a power of two: to ask for the time takes half as long as to put in a row. */
    private static final int SAMPLED = 128;

    private static final long NONE = Long.MIN_VALUE;

    /** Calls back once, so many milliseconds from now, as all else is called here. */
    public interface Timer {
        void after(long millis, ThrowingRunnable<Exception> callback);
    }

    /** Hears of what went into the queue. */
    public interface Listener {
        /** So many rows went as one frame; encoding has taken {@code encodeNanos} since the start. */
        void sent(int rows, int bytes, long encodeNanos);
    }

    private final Producer queue;
    private final FramesIn frames;
    private final FrameEncoder encoder;
    private final Timer timer;
    private final long maxDelayMillis;
    private final Listener listener;

    private int rows;
    private long appendNanos;
    /** The watermark that goes behind the rows gathered so far; {@link #NONE} without one. */
    private long watermark = NONE;

    private boolean flushing;
    /** A frame was to go; it still is where whoever waited for its room was interrupted. */
    private boolean overdue;

    private boolean timerSet;

    /** Sends frames of `encoder` into `queue`, and waits for room by `waiting`. */
    public RowsIn(
            Producer queue,
            FrameEncoder encoder,
            FramesIn.Waiting waiting,
            Timer timer,
            long maxDelayMillis,
            Listener listener) {
        this.queue = queue;
        this.frames = new FramesIn(queue, waiting);
        this.encoder = encoder;
        this.timer = timer;
        this.maxDelayMillis = maxDelayMillis;
        this.listener = listener;
    }

    /** Adds a row, which is copied; {@link Long#MIN_VALUE} is no timestamp. Sends the frame where it is time. */
    public void add(RowData row, long timestamp) throws Exception {
        if ((++rows & (SAMPLED - 1)) == 0) {
            appendTimed(row, timestamp);
        } else {
            encoder.append(row, timestamp);
        }
        if (encoder.isFull()) {
            flush();
        } else if (maxDelayMillis == 0) {
            onRing();
        } else if (!timerSet) {
            timerSet = true;
            timer.after(maxDelayMillis, this::onTimer);
        }
    }

    /** Takes off what the look at the clock takes. */
    private void appendTimed(RowData row, long timestamp) {
        long before = System.nanoTime();
        long begun = System.nanoTime();
        encoder.append(row, timestamp);
        appendNanos += Math.max(0, System.nanoTime() - begun - (begun - before)) * SAMPLED;
    }

    /** Whether a frame is under way, and waits for room. */
    public boolean isFlushing() {
        return flushing;
    }

    /** The process has perhaps done with a frame. */
    public void onRing() throws Exception {
        if ((maxDelayMillis == 0 || overdue) && !flushing && encoder.rows() > 0 && queue.armForEmpty()) {
            flush();
        }
    }

    /** Sends a frame that another one was to send, and was interrupted: before a further row is added. */
    public void flushOverdue() throws Exception {
        if (overdue) {
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
    public void flush() throws Exception {
        if (encoder.rows() == 0) {
            return;
        }
        int count = encoder.rows();
        int bytes = encoder.size();
        flushing = true;
        overdue = true;
        try {
            frames.send(encoder);
            overdue = false;
        } finally {
            flushing = false;
        }
        listener.sent(count, bytes, appendNanos + frames.writeNanos());
        sendWatermark();
    }

    /**
     * Sends a watermark when the rows before it go: it cuts no frame short, and of several only the last is sent. Rows
     * that come meanwhile go before it, which is as true of them.
     */
    public void watermark(long timestamp) throws Exception {
        watermark = timestamp;
        if (encoder.rows() == 0) {
            sendWatermark();
        }
    }

    private void sendWatermark() throws Exception {
        if (watermark != NONE) {
            long timestamp = watermark;
            watermark = NONE;
            frames.send(FrameKind.WATERMARK, timestamp);
        }
    }

    /** Sends a control frame behind all rows. */
    public void send(int kind, long number) throws Exception {
        flush();
        frames.send(kind, number);
    }
}
