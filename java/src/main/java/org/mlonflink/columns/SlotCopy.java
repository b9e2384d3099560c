package org.mlonflink.columns;

import java.util.ArrayList;
import java.util.List;

/**
 * Copies numbers out of a binary row, where every field has a slot of eight bytes that begins with what a frame holds.
 * Fields that are neighbours in the row are copied by one loop without a look at anything but the bytes, which takes
 * half the time of asking the row for each.
 */
final class SlotCopy {
    /** Neighbours: {@code count} fields from {@code field} on are the block's columns from {@code slot} on. */
    private record Run(int field, int slot, int count) {}

    private final Run[] runs;
    private final int width;
    private final int step;

    /** Values of {@code width} bytes go {@code step} bytes apart. */
    SlotCopy(int[] fields, int width, int step) {
        List<Run> found = new ArrayList<>();
        for (int slot = 0, count; slot < fields.length; slot += count) {
            count = 1;
            while (slot + count < fields.length && fields[slot + count] == fields[slot] + count) {
                count++;
            }
            found.add(new Run(fields[slot], slot, count));
        }
        this.runs = found.toArray(Run[]::new);
        this.width = width;
        this.step = step;
    }

    /** Copies from the slots that begin at {@code first}; the value of the block's first column goes to {@code at}. */
    void copy(byte[] slots, int first, byte[] target, int at) {
        for (Run run : runs) {
            int from = first + run.field * Long.BYTES;
            int to = at + run.slot * step;
            switch (width) {
                case Long.BYTES -> longs(slots, from, target, to, run.count);
                case Integer.BYTES -> ints(slots, from, target, to, run.count);
                case Short.BYTES -> shorts(slots, from, target, to, run.count);
                default -> bytes(slots, from, target, to, run.count);
            }
        }
    }

    private void longs(byte[] slots, int from, byte[] target, int at, int count) {
        if (step == Long.BYTES) {
            System.arraycopy(slots, from, target, at, count * Long.BYTES);
            return;
        }
        for (int index = 0; index < count; index++) {
            Bytes.LONG.set(target, at + index * step, (long) Bytes.LONG.get(slots, from + index * Long.BYTES));
        }
    }

    private void ints(byte[] slots, int from, byte[] target, int at, int count) {
        for (int index = 0; index < count; index++) {
            Bytes.INT.set(target, at + index * step, (int) Bytes.INT.get(slots, from + index * Long.BYTES));
        }
    }

    private void shorts(byte[] slots, int from, byte[] target, int at, int count) {
        for (int index = 0; index < count; index++) {
            Bytes.SHORT.set(target, at + index * step, (short) Bytes.SHORT.get(slots, from + index * Long.BYTES));
        }
    }

    private void bytes(byte[] slots, int from, byte[] target, int at, int count) {
        for (int index = 0; index < count; index++) {
            target[at + index * step] = slots[from + index * Long.BYTES];
        }
    }
}
