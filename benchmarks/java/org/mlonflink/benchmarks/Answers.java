package org.mlonflink.benchmarks;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/** Adds up the answers, one FLOAT a row, and counts those that are not the sum of the row in their place. */
final class Answers implements Receipt.Look {
    private static final long serialVersionUID = 1L;
    private final float[] truth = new float[Rows.PERIOD];
    private double sum;
    private long wrong;
    private int next;

    Answers(RowType question) {
        LogicalType[] types = question.getChildren().toArray(LogicalType[]::new);
        for (int index = 0; index < Rows.PERIOD; index++) {
            truth[index] = (float) Rows.sum(Rows.row(question, index), types);
        }
    }

    @Override
    public void row(RowData row) {
        float answer = row.getFloat(0);
        sum += answer;
        wrong += answer == truth[next] ? 0 : 1;
        next = next + 1 == Rows.PERIOD ? 0 : next + 1;
    }

    @Override
    public String json() {
        return "\"sum\": " + sum + ", \"wrong\": " + wrong;
    }
}
