package org.mlonflink.benchmarks;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.data.writer.BinaryRowWriter;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/** The rows that go round and round: their values follow `rows.py`, which knows the truth of their sums. */
final class Rows {
    /** How many distinct rows there are; a prime, so that no frame or batch repeats another. */
    static final int PERIOD = 997;

    private static final String LETTERS = "abcdefghijklmnopqrstuvwx";

    private Rows() {}

    static BinaryRowData[] of(RowType type) {
        BinaryRowData[] rows = new BinaryRowData[PERIOD];
        for (int index = 0; index < PERIOD; index++) {
            rows[index] = row(type, index);
        }
        return rows;
    }

    static BinaryRowData row(RowType type, int index) {
        BinaryRowData row = new BinaryRowData(type.getFieldCount());
        BinaryRowWriter writer = new BinaryRowWriter(row);
        for (int column = 0; column < type.getFieldCount(); column++) {
            switch (type.getTypeAt(column).getTypeRoot()) {
                case BIGINT -> writer.writeLong(column, (31L * index + 7 * column) % 1000);
                case FLOAT -> writer.writeFloat(column, (index + column) % 16 * 0.25f);
                case VARCHAR -> string(writer, index, column);
                default -> throw new IllegalArgumentException(type.getTypeAt(column).asSummaryString());
            }
        }
        writer.complete();
        return row;
    }

    private static void string(BinaryRowWriter writer, int index, int column) {
        if ((index + column) % 10 == 0) {
            writer.setNullAt(column);
        } else {
            int length = (index + 3 * column) % LETTERS.length();
            writer.writeString(column, StringData.fromString(LETTERS.substring(0, length)));
        }
    }

    /** The sum of the values of a row; a string counts its bytes. */
    static double sum(RowData row, LogicalType[] types) {
        double sum = 0;
        for (int column = 0; column < types.length; column++) {
            if (!row.isNullAt(column)) {
                sum += switch (types[column].getTypeRoot()) {
                    case BIGINT -> row.getLong(column);
                    case FLOAT -> row.getFloat(column);
                    default -> row.getString(column).toBytes().length;
                };
            }
        }
        return sum;
    }
}
