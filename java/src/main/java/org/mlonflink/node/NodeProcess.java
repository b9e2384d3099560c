package org.mlonflink.node;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's agent, seen from Flink: starts it, or takes an idle one, says whom it attends, turns its events into the one
 * end that matters, and hands on what it has measured.
 *
 * <p>Threads: {@link #send} may be called from any thread. The agent's events come on its reader thread, which calls the
 * {@link Listener}.
 */
public final class NodeProcess implements GuardedProcess.Listener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");

    private static final JsonNode STOP = Json.object().put("stop", true);

    /** Hears of a node, from any thread. One of its two ends is called, once. */
    public interface Listener {
        /** Its agent lives. */
        void heard();

        /** Its agent has measured. */
        void measured(JsonNode event);

        void ended();

        void failed(NodeFailure failure);
    }

    private final String name;
    private final String role;
    private final Duration grace;
    private final Listener listener;
    private final IdleAgents idle;
    private final GuardedProcess agent;
    private final CountDownLatch farewell = new CountDownLatch(1);
    private boolean over;

    /** Where there are idle agents, else null, this one goes to them in the end. */
    public NodeProcess(
            String name,
            Interpreter python,
            ObjectNode assignment,
            Duration grace,
            IdleAgents idle,
            Listener listener)
            throws IOException {
        this.name = name;
        this.role = assignment.get("role").asText();
        this.grace = grace;
        this.idle = idle;
        this.listener = listener;
        GuardedProcess waiting = idle == null ? null : idle.take(role);
        if (waiting == null) {
            this.agent = new GuardedProcess("agent of " + name, python, "ml_framework.node", grace, LOG, this);
        } else {
            this.agent = waiting;
            agent.listenWith(this);
        }
        agent.send(assignment.put("standby", idle != null));
        if (waiting != null && !waiting.isAlive()) {
            exited("while it was idle"); // which was told to whom it belonged before
        }
    }

    @Override
    public void event(JsonNode event) {
        listener.heard();
        switch (event.path("event").asText()) {
            case "measured" -> listener.measured(event);
            case "started" -> LOG.info(
                    "{} attempt {} runs as process {}",
                    name,
                    event.path("attempt").asInt(),
                    event.path("pid").asInt());
            case "succeeded", "stopped" -> {
                end();
                farewell.countDown();
            }
            case "failed" -> {
                fail(event.path("cause").asText());
                farewell.countDown();
            }
            default -> LOG.warn("unknown event of {}'s agent: {}", name, event);
        }
    }

    @Override
    public void exited(String how) {
        fail(name + ": its agent died (" + how + ")");
        farewell.countDown();
    }

    private synchronized void end() {
        if (!over) {
            over = true;
            listener.ended();
        }
    }

    private synchronized void fail(String cause) {
        if (!over) {
            over = true;
            listener.failed(new NodeFailure(cause));
        }
    }

    /** Whether it has ended or is being closed. */
    public synchronized boolean isOver() {
        return over;
    }

    /** Sends a message about this node, unless its agent may be another's by now. */
    public synchronized void send(JsonNode message) {
        if (!over) {
            agent.send(message);
        }
    }

    /** Asks the node to end in good order, without waiting for it. */
    public void askToStop() {
        send(STOP);
    }

    /** Says that Flink has given this checkpoint up. */
    public void tellAborted(long checkpoint) {
        send(Json.object().put("aborted", checkpoint));
    }

    @Override
    public void close() {
        synchronized (this) {
            over = true;
        }
        if (idle == null) {
            agent.stop(STOP);
            return;
        }
        agent.send(STOP);
        boolean parted = Uninterrupted.within(grace, nanos -> farewell.await(nanos, TimeUnit.NANOSECONDS));
        if (parted && agent.isAlive()) {
            idle.give(role, agent);
        } else {
            agent.close();
        }
    }
}
