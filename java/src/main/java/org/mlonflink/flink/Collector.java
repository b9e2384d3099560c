package org.mlonflink.flink;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * Takes the rows of a job while its client waits for the job's end, which does not come before they are taken. It is a
 * thread of the JVM, for one of Python would have the gateway change the thread on which it plans.
 */
public final class Collector {
    /** All rows, once they have come. */
    public CompletableFuture<List<Row>> collect(CloseableIterator<Row> rows) {
        CompletableFuture<List<Row>> all = new CompletableFuture<>();
        Thread thread = new Thread(() -> take(rows, all), "mlflink-collector");
        thread.setDaemon(true);
        thread.start();
        return all;
    }

    private static void take(CloseableIterator<Row> rows, CompletableFuture<List<Row>> all) {
        try (rows) {
            List<Row> taken = new ArrayList<>();
            rows.forEachRemaining(taken::add);
            all.complete(taken);
        } catch (Exception error) {
            all.completeExceptionally(error);
        }
    }
}
