package org.mlonflink.columns;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.data.writer.BinaryRowWriter;

/** Nanoseconds a row that it takes to collect rows and write their frames, and to read them; run by hand. */
public final class EncoderBenchmark {
    private static final int DISTINCT_ROWS = 256;
    private static final int FRAMES = 100;
    private static final int ROUNDS = 60;

    private EncoderBenchmark() {}

    /** Arguments: layout files, of columns BIGINT and FLOAT; rows are boxed where a name contains "generic". */
    public static void main(String[] args) throws IOException {
        for (String file : args) {
            String layout = Files.readString(Path.of(file));
            boolean binary = !file.contains("generic");
            RowData[] rows = rows(FrameLayout.parse(layout), binary);
            String line = "%-40s encode %6.1f  decode %6.1f ns/row%n";
            System.out.printf(Locale.ROOT, line, file, encode(layout, rows), decode(layout, rows));
        }
    }

    private static RowData[] rows(FrameLayout layout, boolean binary) {
        RowData[] rows = new RowData[DISTINCT_ROWS];
        for (int index = 0; index < rows.length; index++) {
            rows[index] = binary ? binaryRow(layout, index) : genericRow(layout, index);
        }
        return rows;
    }

    private static RowData binaryRow(FrameLayout layout, int seed) {
        BinaryRowData row = new BinaryRowData(layout.columns().size());
        BinaryRowWriter writer = new BinaryRowWriter(row);
        for (FrameLayout.Column column : layout.columns()) {
            if (column.storage() == Storage.FLOAT32) {
                writer.writeFloat(column.field(), seed + column.field());
            } else {
                writer.writeLong(column.field(), (long) seed * column.field());
            }
        }
        writer.complete();
        return row;
    }

    private static RowData genericRow(FrameLayout layout, int seed) {
        GenericRowData row = new GenericRowData(layout.columns().size());
        for (FrameLayout.Column column : layout.columns()) {
            if (column.storage() == Storage.FLOAT32) {
                row.setField(column.field(), (float) (seed + column.field()));
            } else {
                row.setField(column.field(), (long) seed * column.field());
            }
        }
        return row;
    }

    private static double encode(String layout, RowData[] rows) {
        FrameEncoder encoder = new FrameEncoder(layout);
        ByteBuffer ring = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long start = cpuTime();
            long count = 0;
            for (int frame = 0; frame < FRAMES; frame++) {
                while (!encoder.isFull()) {
                    encoder.append(rows[(int) (count++ % DISTINCT_ROWS)], Long.MIN_VALUE);
                }
                if (ring.remaining() < encoder.size()) {
                    ring.position(0);
                }
                encoder.writeTo(ring);
                encoder.clear();
            }
            best = Math.min(best, (double) (cpuTime() - start) / count);
        }
        return best;
    }

    private static double decode(String layout, RowData[] rows) {
        FrameEncoder encoder = new FrameEncoder(layout);
        FrameDecoder decoder = new FrameDecoder(layout);
        while (!encoder.isFull()) {
            encoder.append(rows[encoder.rows() % DISTINCT_ROWS], Long.MIN_VALUE);
        }
        ByteBuffer frame = ByteBuffer.allocateDirect(encoder.size()).order(ByteOrder.LITTLE_ENDIAN);
        encoder.writeTo(frame);
        frame.flip();
        FrameLayout.Column[] columns = FrameLayout.parse(layout).columns().toArray(FrameLayout.Column[]::new);
        double best = Double.MAX_VALUE;
        double sum = 0;
        for (int round = 0; round < ROUNDS; round++) {
            long start = cpuTime();
            for (int repeat = 0; repeat < FRAMES; repeat++) {
                decoder.wrap(frame);
                for (int index = 0; index < decoder.rows(); index++) {
                    sum += read(decoder.row(index), columns);
                }
            }
            best = Math.min(best, (double) (cpuTime() - start) / FRAMES / decoder.rows());
        }
        if (Double.isNaN(sum)) {
            throw new IllegalStateException("the rows hold no NaN");
        }
        return best;
    }

    /** Of this thread alone, so that a busy machine does not count. */
    private static long cpuTime() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static double read(RowData row, FrameLayout.Column[] columns) {
        double sum = 0;
        for (int field = 0; field < columns.length; field++) {
            if (!row.isNullAt(field)) {
                sum += columns[field].storage() == Storage.FLOAT32 ? row.getFloat(field) : row.getLong(field);
            }
        }
        return sum;
    }
}
