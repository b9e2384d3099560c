package org.mlonflink.sql;

import java.util.ArrayList;
import java.util.Collection;
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

    // Guarded by the lock of those who ask. These are lists that live as short as what is in them: to put a young object
    // into an old array is dear with Java's usual collector, and would be done for each row.
    private List<CompletableFuture<Collection<RowData>>> latest = new ArrayList<>();
    /** Those who came before the latest; who is behind {@code next} still waits. */
    private List<CompletableFuture<Collection<RowData>>> earlier = List.of();

    private int next;

    /** Those who ask hold `asking`. */
    Answers(ModelSettings settings, Consumer queue, Lock asking) {
        this.settings = settings;
        this.queue = queue;
        this.decoder = new FrameDecoder(settings.node().outputLayout());
        this.asking = asking;
    }

    /** Is next to be answered, after all who were added before; whoever adds holds the lock. */
    void add(CompletableFuture<Collection<RowData>> answer) {
        latest.add(answer);
    }

    /** Whether nobody waits; whoever wants to know holds the lock. */
    boolean isEmpty() {
        return latest.isEmpty() && next == earlier.size();
    }

    /** Fails all who wait. */
    void fail(NodeFailure failure) {
        List<CompletableFuture<Collection<RowData>>> those;
        while (!(those = take(Integer.MAX_VALUE)).isEmpty()) {
            those.forEach(answer -> answer.completeExceptionally(failure));
        }
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

    /** The frame is a copy, which lasts as long as anybody has one of its rows; nobody waits where the process failed. */
    private void complete(FrameDecoder frame) {
        List<CompletableFuture<Collection<RowData>>> those;
        for (int row = 0; row < frame.rows() && !(those = take(frame.rows() - row)).isEmpty(); ) {
            for (CompletableFuture<Collection<RowData>> answer : those) {
                complete(answer, frame, row++);
            }
        }
    }

    private void complete(CompletableFuture<Collection<RowData>> answer, FrameDecoder frame, int row) {
        if (settings.hasErrorColumn() || frame.row(row).isNullAt(settings.errorField())) {
            answer.complete(List.of(frame.keptRow(row, settings.columns())));
        } else {
            settings.refuse(answer, frame.row(row).getString(settings.errorField()).toString());
        }
    }

    /** The next that wait, so many at most; none where nobody does. */
    private List<CompletableFuture<Collection<RowData>>> take(int most) {
        asking.lock();
        try {
            if (next == earlier.size()) {
                earlier = latest;
                latest = new ArrayList<>(earlier.size());
                next = 0;
            }
            int first = next;
            next = first + Math.min(most, earlier.size() - first);
            return earlier.subList(first, next);
        } finally {
            asking.unlock();
        }
    }
}
