package org.mlonflink.flink;

import java.util.List;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.runtime.operators.coordination.OperatorEvent;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.collect.CollectCoordinationResponse;
import org.mlonflink.node.Json;

/**
 * Where the application master of one execution attempt listens, and the token that it asks for.
 *
 * @param address host:port
 * @param token the job's token
 */
record MasterAddress(String address, String token) implements OperatorEvent {
    private static final long serialVersionUID = 1L;

    /** Asks for the master of an execution attempt, or of a later one. The command line has its bytes. */
    record Request(int attempt) implements CoordinationRequest {
        private static final long serialVersionUID = 1L;
    }

    /**
     * The answer to a {@link Request}; `master` is null when there was none yet.
     *
     * <p>It is a class of Flink's own that carries a text, because a reply is deserialised on the TaskManager without
     * the job's class loader.
     */
    static CoordinationResponse answer(MasterAddress master) {
        return new CollectCoordinationResponse(master == null ? "" : master.json(), 0, List.of());
    }

    /** What {@link #answer} was given. */
    static MasterAddress read(CoordinationResponse response) {
        String text = ((CollectCoordinationResponse) response).getVersion();
        if (text.isEmpty()) {
            return null;
        }
        ObjectNode json = Json.object(text);
        return new MasterAddress(json.get("master").asText(), json.get("token").asText());
    }

    /** The message that agents, and clients, are told it in. */
    String json() {
        return Json.line(message());
    }

    ObjectNode message() {
        return Json.object().put("master", address).put("token", token);
    }

    /** Without the token: Flink puts an event that it could not deliver into its log. */
    @Override
    public String toString() {
        return "MasterAddress[" + address + "]";
    }
}
