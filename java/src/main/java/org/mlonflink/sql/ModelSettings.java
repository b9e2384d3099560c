package org.mlonflink.sql;

import java.io.Serializable;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.RowType;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.node.NodeSettings;

/**
 * A planned model; two that are equal may share processes.
 *
 * @param name of the model, as its catalog has it
 * @param node what Python has planned
 * @param input the columns of INPUT
 * @param columns of OUTPUT; the frames from the process may have one more
 * @param errorField the column of these frames that says why a row was refused
 * @param hasErrorColumn whether that is a column of OUTPUT
 * @param processes of a TaskManager; 0 for one for each subtask
 */
record ModelSettings(
        String name, NodeSettings node, RowType input, int columns, int errorField, boolean hasErrorColumn, int processes)
        implements Serializable {

    static final int ONE_PER_SUBTASK = 0;

    static ModelSettings parse(String name, ObjectNode json, RowType input, int processes) {
        int columns = json.get("columns").asInt();
        int errorField = json.get("error_field").asInt();
        return new ModelSettings(name, NodeSettings.parse(json), input, columns, errorField, errorField < columns, processes);
    }

    /** Answers a row that cannot be taken: with null, and why in its column, or by failing where there is none. */
    void refuse(CompletableFuture<Collection<RowData>> answer, String error) {
        if (hasErrorColumn) {
            GenericRowData nulls = new GenericRowData(columns);
            nulls.setField(errorField, StringData.fromString(error));
            answer.complete(List.of(nulls));
        } else {
            answer.completeExceptionally(new NodeFailure("model " + name + " cannot take a row: " + error
                    + ". To have such rows answered with null, add a STRING column to OUTPUT and name it by "
                    + "'error-column'."));
        }
    }
}
