package org.mlonflink.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.data.writer.BinaryRowWriter;
import org.apache.flink.table.types.logical.RowType;

/** Rows that were written to a file: one a line, tabs between the values, nothing for null. */
final class PreparedRows {
    private PreparedRows() {}

    static BinaryRowData[] read(RowType type, String file) {
        return lines(file).stream().map(line -> row(type, line.split("\t", -1))).toArray(BinaryRowData[]::new);
    }

    static List<String> lines(String file) {
        try {
            return Files.readAllLines(Path.of(file));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static BinaryRowData row(RowType type, String[] values) {
        BinaryRowData row = new BinaryRowData(type.getFieldCount());
        BinaryRowWriter writer = new BinaryRowWriter(row);
        for (int column = 0; column < values.length; column++) {
            String value = values[column];
            if (value.isEmpty()) {
                writer.setNullAt(column);
                continue;
            }
            switch (type.getTypeAt(column).getTypeRoot()) {
                case BIGINT -> writer.writeLong(column, Long.parseLong(value));
                case INTEGER -> writer.writeInt(column, Integer.parseInt(value));
                case FLOAT -> writer.writeFloat(column, Float.parseFloat(value));
                case VARCHAR -> writer.writeString(column, StringData.fromString(value));
                default -> throw new IllegalArgumentException(type.getTypeAt(column).asSummaryString());
            }
        }
        writer.complete();
        return row;
    }
}
