package org.mlonflink.node;

import java.io.Serializable;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What the planner says of a role; the same for all its subtasks.
 *
 * @param job the key that the planner drew for this job
 * @param role name of the role
 * @param parallelism planned number of nodes
 * @param python interpreter of the agent unless the job's configuration names one
 * @param pythonPath folders that the planner's script imports from
 * @param pythonOptions the job's own Python options (python.executable, python.files, ...)
 * @param graceMillis time from asking to killing
 * @param assignment the static part of the agent's assignment, JSON
 * @param inputLayout layout of the frames from Flink, JSON; null without data input
 * @param outputLayout layout of the frames to Flink, JSON; null without output
 * @param inputQueueBytes capacity of the in-queue
 * @param outputQueueBytes capacity of the out-queue
 * @param maxDelayMillis longest time that a row waits for its frame to fill
 * @param rowtimeColumn index of the output column that gives the timestamp, -1 for none
 * @param rowtimePrecision its precision
 * @param answersCheckpoints whether the process of a role without data input has a state all the same
 * @param standby whether agents stay for the next attempt, with an interpreter that is kept ready
 * @param gpus that each node has to itself
 */
public record NodeSettings(
        String job,
        String role,
        int parallelism,
        String python,
        String pythonPath,
        Map<String, String> pythonOptions,
        long graceMillis,
        String assignment,
        String inputLayout,
        String outputLayout,
        int inputQueueBytes,
        int outputQueueBytes,
        long maxDelayMillis,
        int rowtimeColumn,
        int rowtimePrecision,
        boolean answersCheckpoints,
        boolean standby,
        int gpus)
        implements Serializable {

    /** What the planner wrote. */
    public static NodeSettings parse(ObjectNode json) {
        return new NodeSettings(
                json.get("job").asText(),
                json.get("role").asText(),
                json.get("parallelism").asInt(),
                json.get("python").asText(),
                json.get("python_path").asText(),
                Json.strings(json.get("python_options")),
                json.get("grace_ms").asLong(),
                json.get("assignment").toString(),
                textOrNull(json.get("input_layout")),
                textOrNull(json.get("output_layout")),
                json.get("input_queue_bytes").asInt(),
                json.get("output_queue_bytes").asInt(),
                json.get("max_delay_ms").asLong(),
                json.get("rowtime_column").asInt(),
                json.get("rowtime_precision").asInt(),
                json.get("answers_checkpoints").asBoolean(),
                json.get("standby").asBoolean(),
                json.get("gpus").asInt());
    }

    /** What the agent of one node gets, but for where that is and what it goes on from. */
    public ObjectNode assigned(String jobId, int index, int attempt, NodeDirectory directory) {
        ObjectNode assigned = Json.object(assignment);
        String folder = assigned.get("job_name").asText().replace('/', '_');
        String logs = assigned.get("log_dir").asText() + "/" + jobId + "/" + folder;
        assigned.put("job_id", jobId).put("log_dir", logs).put("index", index).put("execution_attempt", attempt);
        return directory.addTo(assigned);
    }

    private static String textOrNull(JsonNode node) {
        return node.isNull() ? null : node.toString();
    }
}
