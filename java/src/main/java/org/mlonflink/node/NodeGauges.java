package org.mlonflink.node;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's numbers as gauges: what the agent has measured in the group {@code mlflink}, what user code has logged in
 * {@code mlflink.user}. A gauge is registered when its name is first heard of, and stays while the task runs, whatever
 * becomes of the process.
 *
 * <p>Threads: the agent's events come on its reader thread, and reporters read on theirs.
 */
public final class NodeGauges {
    private static final Logger LOG = LoggerFactory.getLogger("mlonflink.node");

    /** Names of user code beyond these are left out: each is a series in whatever stores metrics. */
    private static final int MAX_USER_NAMES = 200;

    private static final int MAX_NAME_LENGTH = 80;

    private final MetricGroup node;
    private final MetricGroup user;
    private final Map<String, Number> measured = new ConcurrentHashMap<>();
    private final Map<String, Number> logged = new ConcurrentHashMap<>();

    private boolean full;
    private volatile long heardNanos;

    /** Within the group of an operator. */
    public NodeGauges(MetricGroup operator) {
        this.node = operator.addGroup("mlflink");
        this.user = node.addGroup("user");
    }

    /** The agent has said something. */
    public void heard() {
        boolean first = heardNanos == 0;
        heardNanos = System.nanoTime();
        if (first) {
            gauge("heartbeat_age_ms", () -> (System.nanoTime() - heardNanos) / 1_000_000);
        }
    }

    /** The agent has measured. */
    public void take(JsonNode event) {
        event.path("values").properties().forEach(entry -> measured(entry.getKey(), entry.getValue().numberValue()));
        event.path("numbers").properties().forEach(entry -> logged(clean(entry.getKey()), entry.getValue().numberValue()));
    }

    /** A gauge of its own. */
    public void gauge(String name, Gauge<Long> gauge) {
        node.gauge(name, gauge);
    }

    /** Has the gauge `name` show this value. */
    public void measured(String name, Number value) {
        if (measured.put(name, value) == null) {
            node.gauge(name, (Gauge<Number>) () -> measured.get(name));
        }
    }

    private void logged(String name, Number value) {
        if (logged.size() >= MAX_USER_NAMES && !logged.containsKey(name)) {
            if (!full) {
                full = true;
                LOG.warn("user code logs more than {} names: {} and others are no gauges", MAX_USER_NAMES, name);
            }
        } else if (logged.put(name, value) == null) {
            user.gauge(name, (Gauge<Number>) () -> logged.get(name));
        }
    }

    /** A name that every reporter takes: letters, digits and underscores. */
    private static String clean(String name) {
        String cleaned = name.replaceAll("[^A-Za-z0-9_]", "_");
        return cleaned.length() <= MAX_NAME_LENGTH ? cleaned : cleaned.substring(0, MAX_NAME_LENGTH);
    }
}
