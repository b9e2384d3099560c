package org.mlonflink.columns;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** A buffer that grows by what is put into it. */
class GrowingBuffer implements FrameBuffer {
    private static final int INITIAL_BYTES = 1024;
    private static final int MAX_BYTES = Integer.MAX_VALUE - FrameLayout.ALIGNMENT;

    private byte[] bytes = new byte[INITIAL_BYTES];
    private int size;

    /** Makes room for {@code count} more bytes; returns where they begin in {@link #bytes()}. */
    final int reserve(int count) {
        int at = size;
        size = Math.addExact(size, count);
        if (size > bytes.length) {
            int doubled = (int) Math.min(2L * bytes.length, MAX_BYTES);
            bytes = Arrays.copyOf(bytes, Math.max(size, doubled));
        }
        return at;
    }

    /** The array that now holds the bytes; {@link #reserve} may replace it. */
    final byte[] bytes() {
        return bytes;
    }

    final int size() {
        return size;
    }

    @Override
    public int length() {
        return size;
    }

    @Override
    public void write(ByteBuffer target, int at) {
        target.put(at, bytes, 0, size);
        Bytes.pad(target, at + size, at + FrameLayout.aligned(size));
    }

    @Override
    public void clear() {
        size = 0;
    }

    /** The values of one column; they take whole multiples of the alignment. */
    static final class Values extends GrowingBuffer {
        @Override
        public int length() {
            return FrameLayout.aligned(size());
        }
    }

    /** Where each value begins in another buffer, and where the last one ends. */
    static final class Offsets extends GrowingBuffer {
        Offsets() {
            clear();
        }

        /** The next value ends at {@code end}. */
        void add(int end) {
            int at = reserve(Integer.BYTES);
            Bytes.INT.set(bytes(), at, end);
        }

        /** Number of values. */
        int count() {
            return size() / Integer.BYTES - 1;
        }

        @Override
        public void clear() {
            super.clear();
            add(0);
        }
    }
}
