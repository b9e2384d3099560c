package org.mlonflink.columns;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.IntSupplier;

/** Which values are there: one byte each, absent as long as no null was seen. */
final class Validity implements FrameBuffer {
    private static final byte VALID = 1;

    private final IntSupplier count;
    private byte[] flags = {}; // VALID wherever no null was marked
    private boolean anyNull;

    /** {@code count} tells how many values the frame has when it is written. */
    Validity(IntSupplier count) {
        this.count = count;
    }

    void setNull(int index) {
        grow(index + 1);
        flags[index] = 0;
        anyNull = true;
    }

    @Override
    public int length() {
        return anyNull ? count.getAsInt() : 0;
    }

    @Override
    public void write(ByteBuffer target, int at) {
        int size = length();
        grow(size);
        target.put(at, flags, 0, size);
        Bytes.pad(target, at + size, at + FrameLayout.aligned(size));
    }

    @Override
    public void clear() {
        if (anyNull) {
            Arrays.fill(flags, VALID);
            anyNull = false;
        }
    }

    private void grow(int size) {
        int before = flags.length;
        if (size > before) {
            flags = Arrays.copyOf(flags, Math.max(size, 2 * before));
            Arrays.fill(flags, before, flags.length, VALID);
        }
    }
}
