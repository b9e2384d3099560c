package org.mlonflink.benchmarks;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/** Adds up every value of every row. */
final class Sum implements Receipt.Look {
    private static final long serialVersionUID = 1L;
    private final LogicalType[] types;
    private double sum;

    Sum(RowType type) {
        this.types = type.getChildren().toArray(LogicalType[]::new);
    }

    @Override
    public void row(RowData row) {
        sum += Rows.sum(row, types);
    }

    @Override
    public String json() {
        return "\"sum\": " + sum;
    }
}
