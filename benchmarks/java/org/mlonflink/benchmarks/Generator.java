package org.mlonflink.benchmarks;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** Numbers to rows, as fast as can be: the rows were made before. */
final class Generator extends RichMapFunction<Long, RowData> {
    private static final long serialVersionUID = 1L;
    private final RowType type;
    private transient RowData[] rows;
    private transient int next;

    Generator(RowType type) {
        this.type = type;
    }

    @Override
    public void open(OpenContext context) {
        rows = Rows.of(type);
    }

    @Override
    public RowData map(Long number) {
        RowData row = rows[next];
        next = next + 1 == rows.length ? 0 : next + 1;
        return row;
    }
}
