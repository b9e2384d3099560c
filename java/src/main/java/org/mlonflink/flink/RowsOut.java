package org.mlonflink.flink;

import java.util.NavigableSet;
import java.util.TreeSet;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;
import org.mlonflink.columns.FrameDecoder;
import org.mlonflink.node.NodeSettings;
import org.mlonflink.queue.Consumer;
import org.mlonflink.queue.FrameKind;

/**
 * The way back from the user's process: emits what the out-queue holds, in order. Used on the task thread only.
 *
 * <p>The process answers CHECKPOINT(id) with CUT(id); what it sends after that belongs behind the barrier. So emitting
 * stops at a cut until {@link #pass} says that the barrier has gone by, or {@link #abort} that it will never come. It may
 * answer ABORT(id) instead, when it has given the checkpoint up: then nothing is held, and nothing belongs to it. A STATE
 * in front of a cut, or of the end, is for {@link NodeStates}. A node without data input holds nothing: no barrier waits
 * for its cuts.
 *
 * <p>The emitted row is one view that moves over the frame; Flink copies it where it must be kept.
 */
final class RowsOut implements AutoCloseable {
    /** Frames emitted in one go, so that input, timers and barriers get their turn under a flood of output. */
    private static final int FRAMES_AT_ONCE = 16;

    private final Consumer queue;
    private final FrameDecoder decoder;
    private final Output<StreamRecord<RowData>> output;
    private final NodeStates states;
    private final NodeMetrics metrics;
    private final int rowtimeColumn;
    private final int rowtimePrecision;
    private final boolean holds;

    private final StreamRecord<RowData> record = new StreamRecord<>(null);
    private long cut = Long.MIN_VALUE;
    private long passed = Long.MIN_VALUE;
    /** Checkpoints beyond {@code passed} that were given up. */
    private final NavigableSet<Long> aborted = new TreeSet<>();

    private long frames;
    private volatile long emitNanos;
    private boolean ended;

    /** Without a decoder the role has no output, and a frame of rows is a mistake of the protocol. */
    RowsOut(
            Consumer queue,
            FrameDecoder decoder,
            Output<StreamRecord<RowData>> output,
            NodeStates states,
            NodeMetrics metrics,
            NodeSettings settings) {
        this.queue = queue;
        this.decoder = decoder;
        this.output = output;
        this.states = states;
        this.metrics = metrics;
        this.rowtimeColumn = settings.rowtimeColumn();
        this.rowtimePrecision = settings.rowtimePrecision();
        this.holds = settings.inputLayout() != null;
    }

    /** Whether everything that the barrier waits for was emitted, or nobody waits for it any more. */
    boolean reached(long checkpoint) {
        return Math.max(cut, passed) >= checkpoint || aborted.contains(checkpoint);
    }

    /** Lets what follows the cuts up to this one be emitted. */
    void pass(long checkpoint) {
        passed = Math.max(passed, checkpoint);
        aborted.headSet(checkpoint, true).clear();
        states.passed(checkpoint);
    }

    /** Lets what follows this one cut be emitted; an older barrier may still be on its way. */
    void abort(long checkpoint) {
        if (holds && checkpoint > passed) {
            aborted.add(checkpoint);
        }
        states.abort(checkpoint);
    }

    /** Whether the process has said that nothing more comes, and no other has been started since. */
    boolean ended() {
        return ended && queue.isEndOfStream();
    }

    /** A process that still wants to send something hears that nobody will read it. */
    @Override
    public void close() {
        queue.close();
    }

    /** Whether a barrier must go by before more can be emitted. */
    boolean isHeld() {
        return cut > passed && !aborted.contains(cut);
    }

    /** Emits some frames; returns whether there is no more to emit now. */
    boolean drain() {
        for (int frame = 0; frame < FRAMES_AT_ONCE; frame++) {
            if (isHeld() || !queue.poll()) {
                return true;
            }
            emit();
            queue.release();
            frames++;
        }
        return false;
    }

    /** Frames emitted so far. */
    long frames() {
        return frames;
    }

    /** How long it took so far to emit rows, with what is chained behind this operator. */
    long emitNanos() {
        return emitNanos;
    }

    /** Asks for a ring at the next frame; returns whether one has come meanwhile. */
    boolean arm() {
        return queue.arm();
    }

    private void emit() {
        switch (queue.kind()) {
            case FrameKind.BATCH -> emitRows();
            case FrameKind.WATERMARK -> emitWatermark(number());
            case FrameKind.STATUS -> output.emitWatermarkStatus(
                    number() == 1 ? WatermarkStatus.IDLE : WatermarkStatus.ACTIVE);
            case FrameKind.STATE -> states.say(queue.payload());
            case FrameKind.CUT -> cut(number());
            case FrameKind.ABORT -> abort(number());
            case FrameKind.END -> end();
            default -> throw new IllegalStateException("frame of kind " + queue.kind() + " in the out-queue");
        }
    }

    private void cut(long checkpoint) {
        states.cut(checkpoint);
        if (!holds) {
            return;
        }
        cut = Math.max(cut, checkpoint);
        if (checkpoint <= passed || aborted.contains(checkpoint)) {
            states.abort(checkpoint); // the answer comes late
        }
    }

    private void end() {
        ended = true;
        states.end();
    }

    private void emitWatermark(long timestamp) {
        metrics.watermark(timestamp);
        output.emitWatermark(new Watermark(timestamp));
    }

    private void emitRows() {
        long begun = System.nanoTime();
        decoder.wrap(queue.payload());
        int rows = decoder.rows();
        for (int i = 0; i < rows; i++) {
            RowData row = decoder.row(i);
            long timestamp = rowtimeColumn < 0
                    ? decoder.timestamp(i)
                    : row.getTimestamp(rowtimeColumn, rowtimePrecision).getMillisecond();
            if (timestamp == Long.MIN_VALUE) {
                record.replace(row);
                record.eraseTimestamp();
            } else {
                record.replace(row, timestamp);
            }
            output.collect(record);
        }
        emitNanos += System.nanoTime() - begun;
    }

    private long number() {
        return queue.payload().getLong(0);
    }
}
