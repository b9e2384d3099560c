package org.mlonflink.sql;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Lock;
import org.apache.flink.table.data.RowData;
import org.mlonflink.columns.FrameDecoder;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.queue.Consumer;
import org.mlonflink.queue.FrameKind;

/**
 * Those who wait for a row's answer, and the answers. A process answers in order, each row once, so the n-th row that
 * comes back is for the n-th that asked.
 *
 * <p>Threads: those who ask hold their lock. The doorbell's thread alone reads; it takes that lock only for the next that
 * wait, and completes them without it. A continuation posts a mail to its task; it neither blocks nor calls back.
 */
final class Answers {
    private final ModelSettings settings;
    private final Consumer queue;
    private final FrameDecoder decoder;
    private final Lock asking;

    /** Guarded by the lock of those who ask. */
    private final Deque<CompletableFuture<Collection<RowData>>> waiting = new ArrayDeque<>();

    /** Those who ask hold `asking`. */
    Answers(ModelSettings settings, Consumer queue, Lock asking) {
        this.settings = settings;
        this.queue = queue;
        this.decoder = new FrameDecoder(settings.node().outputLayout());
        this.asking = asking;
    }

    /** Is next to be answered, after all who were added before; whoever adds holds the lock. */
    void add(CompletableFuture<Collection<RowData>> answer) {
        waiting.add(answer);
    }

    /** Whether nobody waits; whoever wants to know holds the lock. */
    boolean isEmpty() {
        return waiting.isEmpty();
    }

    /** Fails all who wait. */
    void fail(NodeFailure failure) {
        take(Integer.MAX_VALUE).forEach(answer -> answer.completeExceptionally(failure));
    }

    /** Completes all that has come, and asks for a ring at the next frame. */
    void drain() {
        do {
            read();
        } while (queue.arm());
    }

    /** Completes all that has come. */
    void read() {
        while (queue.poll()) {
            if (queue.kind() == FrameKind.BATCH) {
                complete(decoder.keep(queue.payload()));
            } // else it is the process's last state, or its end: there are no checkpoints of it
            queue.release();
        }
    }

    /** The frame is a copy, which lasts as long as anybody has one of its rows. */
    private void complete(FrameDecoder frame) {
        int row = 0;
        for (CompletableFuture<Collection<RowData>> answer : take(frame.rows())) {
            if (settings.hasErrorColumn() || frame.row(row).isNullAt(settings.errorField())) {
                answer.complete(List.of(frame.keptRow(row, settings.columns())));
            } else {
                String error = frame.row(row).getString(settings.errorField()).toString();
                answer.completeExceptionally(settings.refusal(error));
            }
            row++;
        }
    }

    /** The next that wait; fewer where the process has failed. */
    private List<CompletableFuture<Collection<RowData>>> take(int count) {
        List<CompletableFuture<Collection<RowData>>> those = new ArrayList<>();
        asking.lock();
        try {
            while (those.size() < count && !waiting.isEmpty()) {
                those.add(waiting.remove());
            }
        } finally {
            asking.unlock();
        }
        return those;
    }
}
