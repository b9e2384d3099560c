package org.mlonflink.flink;

import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What the planner says of the application master. The roles of the job become known while it is planned, after the
 * AM's source is in the graph: {@link #setJob} is called until the job is submitted, which serialises this object.
 */
public final class MasterSettings implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String python;
    private final String pythonPath;
    private final long graceMillis;
    private final String configuration;
    private String job;

    MasterSettings(ObjectNode json) {
        this.key = json.get("job").asText();
        this.python = json.get("python").asText();
        this.pythonPath = json.get("python_path").asText();
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

    List<String> command() {
        return List.of(python, "-m", "ml_framework.master");
    }

    Map<String, String> environment() {
        return PythonEnvironment.withPath(pythonPath);
    }

    Duration grace() {
        return Duration.ofMillis(graceMillis);
    }

    /** The first line that the AM process reads. */
    ObjectNode configuration(String host, String token) {
        ObjectNode line = Json.object(configuration);
        line.set("job", Json.object(job));
        return line.put("host", host).put("token", token);
    }
}
