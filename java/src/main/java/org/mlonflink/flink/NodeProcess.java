package org.mlonflink.flink;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.jobgraph.tasks.TaskOperatorEventGateway;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.SerializedValue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's agent, seen from Flink: starts it, or takes an idle one, tells it where the AM is as soon as the AM is known,
 * turns its events into the one end that matters, and hands on what it has measured.
 *
 * <p>Threads: the look-up of the AM completes on Flink's RPC threads, the agent's events come on its reader thread;
 * both only call {@link Ends}, which posts to the task's mailbox.
 */
final class NodeProcess implements GuardedProcess.Listener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");

    private static final JsonNode STOP = Json.object().put("stop", true);

    /** Hears of a node. One of its two ends is called, once; all from any thread. */
    interface Ends {
        void measured();

        void ended();

        void failed(NodeFailure failure);
    }

    private final String name;
    private final String role;
    private final Duration grace;
    private final Ends ends;
    private final NodeMetrics metrics;
    private final IdleAgents idle;
    private final GuardedProcess agent;
    private final CountDownLatch farewell = new CountDownLatch(1);
    private boolean over;

    /** Where there are idle agents this one goes to them in the end. */
    NodeProcess(
            String name,
            PythonEnvironment python,
            ObjectNode assignment,
            Duration grace,
            IdleAgents idle,
            NodeMetrics metrics,
            Ends ends)
            throws IOException {
        this.name = name;
        this.role = assignment.get("role").asText();
        this.grace = grace;
        this.idle = idle;
        this.metrics = metrics;
        this.ends = ends;
        GuardedProcess waiting = idle == null ? null : idle.take(role);
        if (waiting == null) {
            this.agent = new GuardedProcess("agent of " + name, python, "ml_framework.node", grace, LOG, this);
        } else {
            this.agent = waiting;
            agent.listenWith(this);
        }
        agent.send(assignment.put("standby", idle != null));
    }

    /** Asks the JobManager for the AM, again and again while it answers "not yet", and tells the agent. */
    void findMaster(TaskOperatorEventGateway gateway, OperatorID operator, int attempt) throws IOException {
        ask(gateway, operator, new SerializedValue<>(new MasterAddress.Request(attempt)));
    }

    private void ask(
            TaskOperatorEventGateway gateway,
            OperatorID operator,
            SerializedValue<org.apache.flink.runtime.operators.coordination.CoordinationRequest> request) {
        if (isOver()) {
            return;
        }
        CompletableFuture<CoordinationResponse> reply = gateway.sendRequestToCoordinator(operator, request);
        reply.whenComplete((response, error) -> {
            if (error != null) {
                LOG.info("{} asks again where the application master is: {}", name, error.toString());
                CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS)
                        .execute(() -> ask(gateway, operator, request));
                return;
            }
            MasterAddress master = MasterAddress.read(response);
            if (master == null) {
                ask(gateway, operator, request);
            } else {
                LOG.info("{} attends the application master at {}", name, master.address());
                send(master.message());
            }
        });
    }

    @Override
    public void event(JsonNode event) {
        metrics.heard();
        switch (event.path("event").asText()) {
            case "measured" -> {
                metrics.take(event);
                ends.measured();
            }
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
    }

    private synchronized void end() {
        if (!over) {
            over = true;
            ends.ended();
        }
    }

    private synchronized void fail(String cause) {
        if (!over) {
            over = true;
            ends.failed(new NodeFailure(cause));
        }
    }

    private synchronized boolean isOver() {
        return over;
    }

    /** Sends a message about this node, unless its agent may be another's by now. */
    private synchronized void send(JsonNode message) {
        if (!over) {
            agent.send(message);
        }
    }

    /** Asks the node to end in good order, without waiting for it. */
    void askToStop() {
        send(STOP);
    }

    /** Says that Flink has given this checkpoint up. */
    void tellAborted(long checkpoint) {
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
        if (Uninterrupted.within(grace, nanos -> farewell.await(nanos, TimeUnit.NANOSECONDS))) {
            idle.give(role, agent);
        } else {
            agent.close();
        }
    }
}
