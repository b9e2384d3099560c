package org.mlonflink.flink;

import java.io.Serializable;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;

/** Where the application master of one execution attempt listens, and the token that it asks for. */
final class MasterAddress implements SourceEvent, Serializable {
    private static final long serialVersionUID = 1L;

    final String address;
    final String token;

    MasterAddress(String address, String token) {
        this.address = address;
        this.token = token;
    }

    /** Asks for the master of an execution attempt, or of a later one. */
    static final class Request implements CoordinationRequest {
        private static final long serialVersionUID = 1L;
        final int attempt;

        Request(int attempt) {
            this.attempt = attempt;
        }
    }

    /** The answer; without a master when there was none yet within {@link MasterDirectory#PATIENCE}. */
    static final class Response implements CoordinationResponse {
        private static final long serialVersionUID = 1L;
        final MasterAddress master;

        Response(MasterAddress master) {
            this.master = master;
        }
    }
}
