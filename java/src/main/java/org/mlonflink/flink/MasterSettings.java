package org.mlonflink.flink;

import java.io.Serializable;
import java.time.Duration;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;
import org.mlonflink.node.Json;

/**
 * What the planner says of the application master. The roles of the job become known while it is planned, after the
 * AM's source is in the graph: {@link #setJob} is called until the job is submitted, which serialises this object.
 */
public final class MasterSettings implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String python;
    private final String pythonPath;
    private final Map<String, String> pythonOptions;
    private final long graceMillis;
    private final String configuration;
    private String job;

    MasterSettings(ObjectNode json) {
        this.key = json.get("job").asText();
        this.python = json.get("python").asText();
        this.pythonPath = json.get("python_path").asText();
        this.pythonOptions = Json.strings(json.get("python_options"));
        this.graceMillis = json.get("grace_ms").asLong();
        this.configuration = json.get("configuration").toString();
    }

    /** The roles of the cluster as planned so far, JSON. */
    public void setJob(String json) {
        this.job = json;
    }

    /** The key that the planner drew for this job. */
    String key() {
        return key;
    }

    /** The cluster's name, unique in the job. */
    String name() {
        return Json.object(job).get("name").asText();
    }

    /** How long the cluster waits for slots. */
    MasterCoordinator.Limit limit() {
        StringJoiner nodes = new StringJoiner(", ", "slots for the application master and ", "");
        Json.object(job).get("roles").forEach(role -> nodes.add(
                role.get("parallelism").asText() + " × " + role.get("name").asText()));
        double seconds = Json.object(configuration).get("timeouts").get("slots").asDouble();
        return new MasterCoordinator.Limit(seconds, nodes.toString());
    }

    PythonEnvironment environment(StreamingRuntimeContext context) throws Exception {
        return PythonEnvironment.open(pythonOptions, python, pythonPath, context);
    }

    Duration grace() {
        return Duration.ofMillis(graceMillis);
    }

    /** The first line that the AM process reads. */
    ObjectNode configuration(Host host, String token) {
        ObjectNode line = Json.object(configuration);
        line.set("job", Json.object(job));
        return host.addTo(line).put("token", token);
    }
}
