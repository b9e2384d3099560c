package org.mlonflink.node;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;

/**
 * The agents of a job on this TaskManager whose nodes have ended, and that wait with a standby for the next attempt.
 *
 * <p>They outlast tasks, so no task ends them: that is done when the TaskManager lets go of the job's classes, which it
 * keeps over a failover and not over the job's end.
 */
public final class IdleAgents {
    private static final Map<String, IdleAgents> JOBS = new ConcurrentHashMap<>();

    private final Map<String, Deque<GuardedProcess>> byRole = new HashMap<>();
    private boolean closed;

    private IdleAgents() {}

    /** Those of the job that `context` belongs to. */
    public static IdleAgents of(StreamingRuntimeContext context) {
        String job = context.getJobInfo().getJobId().toString();
        IdleAgents agents = JOBS.computeIfAbsent(job, key -> new IdleAgents());
        context.registerUserCodeClassLoaderReleaseHookIfAbsent("idle agents of " + job, () -> {
            JOBS.remove(job);
            Thread thread = new Thread(agents::close, "end of idle agents"); // the TaskManager's own must not wait
            thread.setDaemon(true);
            thread.start();
        });
        return agents;
    }

    /** An agent that has led a node of this role, or null; it belongs to the caller then. */
    synchronized GuardedProcess take(String role) {
        Deque<GuardedProcess> idle = byRole.getOrDefault(role, new ArrayDeque<>());
        GuardedProcess agent = idle.poll();
        while (agent != null && !agent.isAlive()) {
            agent.close();
            agent = idle.poll();
        }
        return agent;
    }

    /** Takes over an agent that waits for its next assignment. */
    synchronized void give(String role, GuardedProcess agent) {
        if (closed) {
            agent.close();
        } else {
            byRole.computeIfAbsent(role, key -> new ArrayDeque<>()).add(agent);
        }
    }

    private synchronized void close() {
        closed = true;
        byRole.values().forEach(agents -> agents.forEach(GuardedProcess::close));
        byRole.clear();
    }
}
