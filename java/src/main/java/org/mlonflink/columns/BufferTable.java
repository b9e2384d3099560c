package org.mlonflink.columns;

import java.nio.ByteBuffer;

/** The buffers of a frame, taken one after the other; whatever does not fit is a {@link FrameException}. */
final class BufferTable {
    private static final int ENTRY_BYTES = 2 * Integer.BYTES;

    private final ByteBuffer frame;
    private final int rows;
    private final int flags;
    private int entry = FrameLayout.HEADER_BYTES;

    /** The table of a little-endian frame that should have {@code buffers} buffers and perhaps timestamps. */
    BufferTable(ByteBuffer frame, int buffers) {
        this.frame = frame;
        if (frame.limit() < FrameLayout.HEADER_BYTES) {
            throw new FrameException("a frame of " + frame.limit() + " bytes has no header");
        }
        this.rows = frame.getInt(0);
        this.flags = frame.getInt(Integer.BYTES);
        int count = frame.getInt(2 * Integer.BYTES);
        int expected = buffers + (flags & FrameLayout.HAS_TIMESTAMPS);
        if (rows < 0 || count != expected || frame.limit() < FrameLayout.HEADER_BYTES + ENTRY_BYTES * expected) {
            throw new FrameException("a frame of " + frame.limit() + " bytes and " + rows + " rows has " + count
                    + " buffers, its layout has " + expected);
        }
    }

    ByteBuffer frame() {
        return frame;
    }

    int rows() {
        return rows;
    }

    boolean hasTimestamps() {
        return (flags & FrameLayout.HAS_TIMESTAMPS) != 0;
    }

    /** Where the next buffer begins, which has {@code length} bytes. */
    int next(int length) {
        int offset = frame.getInt(entry);
        int found = frame.getInt(entry + Integer.BYTES);
        entry += ENTRY_BYTES;
        if (found != length || offset < 0 || offset > frame.limit() - length) {
            throw new FrameException("a buffer of " + found + " bytes at " + offset + " of a frame of "
                    + frame.limit() + " bytes and " + rows + " rows should have " + length + " bytes");
        }
        return offset;
    }

    /** Where the flags of {@code count} values begin; -1 if they are absent. */
    int validity(int count) {
        boolean absent = frame.getInt(entry + Integer.BYTES) == 0;
        int offset = next(absent ? 0 : count);
        return absent ? -1 : offset;
    }

    /** Where the offsets of {@code count} values begin, which grow from 0. */
    int offsets(int count) {
        int offset = next(Math.multiplyExact(count + 1, Integer.BYTES));
        int last = 0;
        for (int index = 0; index <= count; index++) {
            int value = frame.getInt(offset + index * Integer.BYTES);
            if (value < last || index == 0 && value != 0) {
                throw new FrameException("the offsets of a column do not grow from 0: " + last + ", " + value);
            }
            last = value;
        }
        return offset;
    }
}
