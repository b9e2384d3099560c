package org.mlonflink.sql;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.flink.table.data.RowData;
import org.mlonflink.columns.FrameDecoder;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.queue.Consumer;
import org.mlonflink.queue.FrameKind;

/**
 * Those who wait for a row's answer, and the answers. A process answers in order, each row once, so the n-th row that
 * comes back is for the n-th that asked.
 *
 * <p>Flink takes each answer by a mail to its task. One from another thread costs several times as much as one from the
 * task itself, so a task that is at work completes answers in between: {@link #help}. The doorbell's thread, in
 * {@link #drain}, completes what no task does: all of them, where few come.
 *
 * <p>Threads: whoever completes holds {@code turn}, which keeps the order, and {@code waiting}'s monitor only to take the
 * next that wait. A continuation posts a mail; it neither blocks nor calls back.
 */
final class Answers implements AutoCloseable {
    /** Rows that are completed in one go. */
    private static final int CHUNK = 256;

    /** How long a task that is at work is left to it. */
    private static final long PAUSE_NANOS = 200_000;

    private final ModelSettings settings;
    private final Consumer queue;
    private final FrameDecoder decoder;
    private final ReentrantLock turn = new ReentrantLock();
    private final Deque<CompletableFuture<Collection<RowData>>> waiting = new ArrayDeque<>();

    // Of whoever has the turn.
    private FrameDecoder frame;
    private int next;
    private boolean closed;

    private volatile long asked;

    Answers(ModelSettings settings, Consumer queue) {
        this.settings = settings;
        this.queue = queue;
        this.decoder = new FrameDecoder(settings.node().outputLayout());
    }

    /** Is next to be answered, after all who were added before. */
    void add(CompletableFuture<Collection<RowData>> answer) {
        synchronized (waiting) {
            waiting.add(answer);
        }
        asked++; // by one at a time
    }

    /** Whether nobody waits. */
    boolean isEmpty() {
        synchronized (waiting) {
            return waiting.isEmpty();
        }
    }

    /** Fails all who wait. */
    void fail(NodeFailure failure) {
        List<CompletableFuture<Collection<RowData>>> lost;
        synchronized (waiting) {
            lost = List.copyOf(waiting);
            waiting.clear();
        }
        lost.forEach(answer -> answer.completeExceptionally(failure));
    }

    /** Completes some of what has come, unless somebody else is at it. */
    void help() {
        if (turn.tryLock()) {
            try {
                complete();
            } finally {
                turn.unlock();
            }
        }
    }

    /** Sees to it that all of what has come is completed, and asks for a ring at the next frame. */
    void drain() {
        do {
            long before = asked;
            while (completeInTurn()) {
                if (asked != before) {
                    before = asked;
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
            }
        } while (queue.arm());
    }

    private boolean completeInTurn() {
        turn.lock();
        try {
            return complete();
        } finally {
            turn.unlock();
        }
    }

    /** Completes a chunk; returns whether there was one. */
    private boolean complete() {
        if (closed || (frame == null && !read())) {
            return false;
        }
        int end = Math.min(next + CHUNK, frame.rows());
        for (CompletableFuture<Collection<RowData>> answer : take(end - next)) {
            complete(answer, next++);
        }
        next = end;
        if (end == frame.rows()) {
            frame = null;
        }
        return true;
    }

    /** Goes on to the next frame of rows, a copy of which lasts as long as anybody has one of them. */
    private boolean read() {
        next = 0;
        while (frame == null && queue.poll()) {
            if (queue.kind() == FrameKind.BATCH) {
                frame = decoder.keep(queue.payload());
            } // else it is the process's last state, or its end: there are no checkpoints of it
            queue.release();
        }
        return frame != null;
    }

    /** The next that wait; fewer where the process has failed. */
    private List<CompletableFuture<Collection<RowData>>> take(int count) {
        List<CompletableFuture<Collection<RowData>>> those = new ArrayList<>(count);
        synchronized (waiting) {
            while (those.size() < count && !waiting.isEmpty()) {
                those.add(waiting.remove());
            }
        }
        return those;
    }

    private void complete(CompletableFuture<Collection<RowData>> answer, int row) {
        boolean fits = settings.hasErrorColumn() || frame.row(row).isNullAt(settings.errorField());
        if (fits) {
            answer.complete(List.of(frame.keptRow(row, settings.columns())));
        } else {
            answer.completeExceptionally(settings.refusal(frame.row(row).getString(settings.errorField()).toString()));
        }
    }

    /** Completes no more; the process hears that nobody reads. */
    @Override
    public void close() {
        turn.lock();
        try {
            closed = true;
            queue.close();
        } finally {
            turn.unlock();
        }
    }
}
