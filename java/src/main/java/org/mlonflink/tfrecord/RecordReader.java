package org.mlonflink.tfrecord;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Reads the records of one file. Whether it is compressed is seen from its first bytes, not from its name: a plain file
 * that happens to begin like a compressed one still begins with a checksum that matches.
 */
final class RecordReader implements Closeable {
    private static final int BUFFER_BYTES = 1 << 16;
    private static final int HEADER_BYTES = Long.BYTES + Checksum.BYTES;
    private static final int MAX_LENGTH = Integer.MAX_VALUE - 8; // of a Java array
    private static final String DAMAGED = ": the file is damaged";

    private final InputStream in;
    private final String file;
    private final boolean compressed;
    private long offset;

    /** Reads `raw`, the bytes of `file`; owns it unless this throws. */
    RecordReader(InputStream raw, String file) throws IOException {
        this.file = file;
        BufferedInputStream buffered = new BufferedInputStream(raw, BUFFER_BYTES);
        buffered.mark(HEADER_BYTES);
        byte[] start = buffered.readNBytes(HEADER_BYTES);
        buffered.reset();
        this.compressed = isGzip(start) && !isHeader(start);
        this.in = compressed ? new BufferedInputStream(decompressed(buffered), BUFFER_BYTES) : buffered;
    }

    /** Where the next record begins, in the uncompressed data. */
    long offset() {
        return offset;
    }

    /** Goes on where a checkpoint was taken: `taken` records behind the one that began at `position`. */
    void resume(long position, long taken) throws IOException {
        try {
            in.skipNBytes(position);
            offset = position;
            for (long i = 0; i < taken; i++) {
                if (next() == null) {
                    throw new EOFException();
                }
            }
        } catch (EOFException | ZipException e) {
            throw refused("the file has changed: a checkpoint knows of more records in it");
        }
    }

    /** The next record; null at the end of the file. */
    byte[] next() throws IOException {
        byte[] header = read(HEADER_BYTES);
        if (header.length == 0) {
            return null;
        }
        if (header.length < HEADER_BYTES) {
            throw truncated(header.length, HEADER_BYTES);
        }
        int length = length(header);
        byte[] data = read(length);
        byte[] footer = read(Checksum.BYTES);
        if (footer.length < Checksum.BYTES) {
            long found = (long) HEADER_BYTES + data.length + footer.length;
            throw truncated(found, (long) HEADER_BYTES + length + Checksum.BYTES);
        }
        if (littleEndian(footer).getInt() != Checksum.of(data, length)) {
            throw refused("its " + length + " bytes of data do not match their checksum" + DAMAGED);
        }
        offset += (long) HEADER_BYTES + length + Checksum.BYTES;
        return data;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    private int length(byte[] header) throws RecordException {
        if (!isHeader(header)) {
            String guess = offset == 0 ? ", or no TFRecord file, plain or gzip-compressed" : "";
            throw refused("its length does not match its checksum" + DAMAGED + guess);
        }
        long length = littleEndian(header).getLong();
        if (length < 0 || length > MAX_LENGTH) {
            String bytes = Long.toUnsignedString(length);
            throw refused("its length is " + bytes + " bytes, a record has at most " + MAX_LENGTH);
        }
        return (int) length;
    }

    /** Up to `count` bytes, fewer only at the end; memory grows with what is there, not with what a length claims. */
    private byte[] read(int count) throws IOException {
        try {
            return in.readNBytes(count);
        } catch (EOFException | ZipException e) {
            throw unreadable(e);
        }
    }

    private RecordException unreadable(IOException e) {
        boolean ended = e instanceof EOFException;
        String problem = ended ? "its compressed data stops short: the file is truncated"
                : "its compressed data cannot be read (" + e.getMessage() + ")" + DAMAGED;
        return refused(problem);
    }

    private RecordException truncated(long found, long expected) {
        return refused("only " + found + " of its " + expected + " bytes are there: the file is truncated");
    }

    private RecordException refused(String problem) {
        return new RecordException(file, offset, compressed, problem);
    }

    private static boolean isGzip(byte[] start) {
        return start.length >= 2 && littleEndian(start).getShort() == (short) GZIPInputStream.GZIP_MAGIC;
    }

    private static boolean isHeader(byte[] start) {
        return start.length == HEADER_BYTES && littleEndian(start).getInt(Long.BYTES) == Checksum.of(start, Long.BYTES);
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private InputStream decompressed(InputStream bytes) throws IOException {
        try {
            return new GzipMembers(bytes, BUFFER_BYTES);
        } catch (EOFException | ZipException e) {
            throw unreadable(e);
        }
    }
}
