package org.mlonflink.benchmarks;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.util.function.SerializableFunction;
import org.apache.flink.util.function.SerializableSupplier;

/** The rows with something of their own in the last column, a BIGINT: their number, or the time they count from. */
final class StampedGenerator extends Generator {
    private static final long serialVersionUID = 1L;
    private final SerializableFunction<Long, Long> stamp;

    StampedGenerator(SerializableSupplier<BinaryRowData[]> made, SerializableFunction<Long, Long> stamp) {
        super(made);
        this.stamp = stamp;
    }

    @Override
    public RowData map(Long number) {
        BinaryRowData row = next();
        row.setLong(row.getArity() - 1, stamp.apply(number));
        return row;
    }
}
