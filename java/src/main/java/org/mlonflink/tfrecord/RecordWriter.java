package org.mlonflink.tfrecord;

import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPOutputStream;
import org.apache.flink.api.common.serialization.BulkWriter;

/** Writes the records of one file. */
final class RecordWriter implements BulkWriter<byte[]> {
    private static final int BUFFER_BYTES = 1 << 16;

    private final OutputStream out;
    private final ByteBuffer header = ByteBuffer.allocate(Long.BYTES + Checksum.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer footer = ByteBuffer.allocate(Checksum.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** Writes to `file`, which stays open: it is Flink that closes it, or keeps it to go on. */
    RecordWriter(OutputStream file, boolean gzip) throws IOException {
        OutputStream kept = new KeptOpen(file);
        this.out = new BufferedOutputStream(gzip ? new GZIPOutputStream(kept, BUFFER_BYTES) : kept, BUFFER_BYTES);
    }

    @Override
    public void addElement(byte[] data) throws IOException {
        header.putLong(0, data.length).putInt(Long.BYTES, Checksum.of(header.array(), Long.BYTES));
        footer.putInt(0, Checksum.of(data, data.length));
        out.write(header.array());
        out.write(data);
        out.write(footer.array());
    }

    @Override
    public void flush() throws IOException {
        out.flush();
    }

    @Override
    public void finish() throws IOException {
        out.close();
    }

    private static final class KeptOpen extends FilterOutputStream {
        KeptOpen(OutputStream file) {
            super(file);
        }

        @Override
        public void write(byte[] bytes, int start, int length) throws IOException {
            out.write(bytes, start, length);
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }
}
