package org.mlonflink.flink;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Which master serves which job, in the JobManager. The AM source's enumerator publishes, the node operators'
 * coordinators look up; both live in one process and one user class loader, and share nothing else.
 *
 * <p>An entry is found by the key that the planner drew for the job, and answers only for its execution attempt and
 * earlier ones: all tasks of the cluster are one failover region, so their attempt numbers move together, and a node
 * never meets the master of the attempt before.
 */
final class MasterDirectory {
    /** How long a look-up waits before it answers "not yet"; well below Flink's RPC time-out of 10 s. */
    static final Duration PATIENCE = Duration.ofSeconds(4);

    private static final Map<String, MasterDirectory> JOBS = new ConcurrentHashMap<>();

    private int attempt = -1;
    private int wanted;
    private CompletableFuture<MasterAddress> master = new CompletableFuture<>();

    private MasterDirectory() {}

    static MasterDirectory of(String job) {
        return JOBS.computeIfAbsent(job, key -> new MasterDirectory());
    }

    /** Whoever still waits for the job's master hears that there is none. */
    static void forget(String job) {
        MasterDirectory gone = JOBS.remove(job);
        if (gone != null) {
            gone.close();
        }
    }

    private synchronized void close() {
        master.complete(null);
    }

    synchronized void publish(int newAttempt, MasterAddress address) {
        if (newAttempt < Math.max(attempt, wanted)) {
            return; // told late, by a master that is gone
        }
        if (master.isDone()) {
            master = new CompletableFuture<>();
        }
        attempt = newAttempt;
        master.complete(address);
    }

    /** Completes with the master of attempt `earliest` or a later one, or with null after {@link #PATIENCE}. */
    synchronized CompletableFuture<MasterAddress> find(int earliest) {
        wanted = Math.max(wanted, earliest);
        if (master.isDone() && attempt < wanted) {
            master = new CompletableFuture<>();
        }
        return master.copy().completeOnTimeout(null, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }
}
