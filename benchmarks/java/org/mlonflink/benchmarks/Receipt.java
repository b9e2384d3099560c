package org.mlonflink.benchmarks;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;

/** A sink that leaves a file: how many rows came, when each sixth of them was there, and what it looked at. */
final class Receipt implements Sink<RowData> {
    /** What a receipt looks at. */
    interface Look extends Serializable {
        void row(RowData row);

        /** Members of a JSON object. */
        String json();
    }

    /** Two that look at the same rows. */
    record Both(Look first, Look second) implements Look {
        @Override
        public void row(RowData row) {
            first.row(row);
            second.row(row);
        }

        @Override
        public String json() {
            return first.json() + ", " + second.json();
        }
    }

    private static final long serialVersionUID = 1L;
    private static final int MARKS = 6;
    private final Look look;
    private final long expected;
    private final String file;

    Receipt(Look look, long expected, String file) {
        this.look = look;
        this.expected = expected;
        this.file = file;
    }

    @Override
    public SinkWriter<RowData> createWriter(WriterInitContext context) {
        return new Writer();
    }

    private final class Writer implements SinkWriter<RowData> {
        private final List<long[]> marks = new ArrayList<>();
        private long rows;
        private long nextMark = 1;

        @Override
        public void write(RowData row, Context context) {
            look.row(row);
            if (++rows == nextMark) {
                marks.add(new long[] {rows, System.nanoTime()});
                nextMark = marks.size() * expected / MARKS;
            }
        }

        @Override
        public void flush(boolean endOfInput) throws IOException {
            if (endOfInput) {
                StringJoiner list = new StringJoiner(", ", "[", "]");
                marks.forEach(mark -> list.add("[" + mark[0] + ", " + mark[1] + "]"));
                String json = "{\"rows\": " + rows + ", \"marks\": " + list + ", " + look.json() + "}";
                Files.writeString(Path.of(file), json);
            }
        }

        @Override
        public void close() {}
    }
}
