package org.mlonflink.tfrecord;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * The content of all gzip members of a file. The JDK's stream ends as if all were well where something that is no
 * member follows one, and where a member follows that is not yet said to be available; here neither loses data.
 */
final class GzipMembers extends GZIPInputStream {
    private static final int TRAILER_BYTES = 8;

    private final Counted file;
    /** Bytes of the file that had been taken when the inflater was last fed. */
    private long fed;

    GzipMembers(InputStream file, int bufferBytes) throws IOException {
        this(new Counted(file), bufferBytes);
    }

    private GzipMembers(Counted file, int bufferBytes) throws IOException {
        super(file, bufferBytes);
        this.file = file;
    }

    @Override
    protected void fill() throws IOException {
        super.fill();
        fed = file.taken;
    }

    @Override
    public int read(byte[] bytes, int start, int length) throws IOException {
        int count = super.read(bytes, start, length);
        if (count < 0) {
            checkEnd();
        }
        return count;
    }

    /** Behind the last member's trailer, which the inflater does not read, there is nothing. */
    private void checkEnd() throws ZipException {
        int left = inf.getRemaining();
        if (left > TRAILER_BYTES || file.taken > fed + TRAILER_BYTES - left) {
            throw new ZipException("a part of the file is no gzip member");
        }
    }

    private static final class Counted extends FilterInputStream {
        private long taken;

        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int value = in.read();
            taken += value < 0 ? 0 : 1;
            return value;
        }

        @Override
        public int read(byte[] bytes, int start, int length) throws IOException {
            int count = in.read(bytes, start, length);
            taken += Math.max(0, count);
            return count;
        }

        /** Says that there may be more, so that the next member is looked for. */
        @Override
        public int available() {
            return 1;
        }
    }
}
