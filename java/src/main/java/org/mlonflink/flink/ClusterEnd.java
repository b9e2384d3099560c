package org.mlonflink.flink;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.MetricGroup;

/**
 * The end of an ML cluster in good order, where the two meet that have to do with it: the {@link AmOperator}, which
 * hears of it, and the {@link AmSource} before it, which ends then. They are co-located, so they share a JVM.
 */
final class ClusterEnd implements AutoCloseable {
    /** Those of this JVM; a key is unique to one deployment of one ML cluster. */
    private static final Map<String, CompletableFuture<Void>> ENDS = new ConcurrentHashMap<>();

    private final String key;
    private final CompletableFuture<Void> come;

    private ClusterEnd(String key) {
        this.key = key;
        this.come = ENDS.computeIfAbsent(key, unused -> new CompletableFuture<>());
    }

    /** That of the deployment which the metrics of either one's task name: a source is not told otherwise. */
    static ClusterEnd of(MetricGroup metrics, MasterSettings settings) {
        return new ClusterEnd(settings.key() + " of " + Executions.of(metrics));
    }

    void come() {
        come.complete(null);
    }

    boolean hasCome() {
        return come.isDone();
    }

    CompletableFuture<Void> coming() {
        return come;
    }

    /** Forgets it; both do so at their end. */
    @Override
    public void close() {
        ENDS.remove(key);
    }
}
