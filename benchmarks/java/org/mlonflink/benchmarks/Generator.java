package org.mlonflink.benchmarks;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.util.function.SerializableSupplier;

/** Numbers to rows, as fast as can be: the rows were made before, and go round and round. */
class Generator extends RichMapFunction<Long, RowData> {
    private static final long serialVersionUID = 1L;
    private final SerializableSupplier<BinaryRowData[]> made;
    private transient BinaryRowData[] rows;
    private transient int next;

    Generator(SerializableSupplier<BinaryRowData[]> made) {
        this.made = made;
    }

    @Override
    public void open(OpenContext context) {
        rows = made.get();
    }

    @Override
    public RowData map(Long number) {
        return next();
    }

    final BinaryRowData next() {
        BinaryRowData row = rows[next];
        next = next + 1 == rows.length ? 0 : next + 1;
        return row;
    }
}
