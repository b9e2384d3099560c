package org.mlonflink.columns;

import org.apache.flink.table.data.TimestampData;
import org.mlonflink.columns.FrameLayout.Column;

/** Timestamps as one long since the epoch: milliseconds, microseconds or nanoseconds by the column's precision. */
final class Timestamps {
    private static final int NANOS_PER_MICRO = 1_000;
    private static final int NANOS_PER_MILLI = 1_000_000;

    private Timestamps() {}

    /** Whether there are points in time that the column's unit does not reach. */
    static boolean isChoosy(Column column) {
        return column.storage() == Storage.TIMESTAMP && column.precision() > 3;
    }

    /** Throws a {@link FrameException} where the range of the column's unit ends. */
    static long toLong(TimestampData timestamp, Column column) {
        try {
            return toLong(timestamp, column.precision());
        } catch (ArithmeticException outside) {
            throw new FrameException("column '" + column.name() + "' is TIMESTAMP(" + column.precision()
                    + "), the count of its units since 1970 does not fit 64 bits for " + timestamp
                    + ": CAST it to a smaller precision in SQL");
        }
    }

    private static long toLong(TimestampData timestamp, int precision) {
        long millis = timestamp.getMillisecond();
        int nanos = timestamp.getNanoOfMillisecond();
        if (precision <= 3) {
            return millis;
        }
        return precision <= 6
                ? scaled(millis, NANOS_PER_MILLI / NANOS_PER_MICRO, nanos / NANOS_PER_MICRO)
                : scaled(millis, NANOS_PER_MILLI, nanos);
    }

    static TimestampData fromLong(long value, int precision) {
        if (precision <= 3) {
            return TimestampData.fromEpochMillis(value);
        }
        int perMilli = precision <= 6 ? NANOS_PER_MILLI / NANOS_PER_MICRO : NANOS_PER_MILLI;
        int nanosPerUnit = NANOS_PER_MILLI / perMilli;
        return TimestampData.fromEpochMillis(
                Math.floorDiv(value, perMilli), (int) Math.floorMod(value, (long) perMilli) * nanosPerUnit);
    }

    /** {@code millis * factor + rest}; the least long has a product that overflows and a sum that does not. */
    private static long scaled(long millis, int factor, int rest) {
        return millis < 0
                ? Math.addExact(Math.multiplyExact(millis + 1, factor), (long) rest - factor)
                : Math.addExact(Math.multiplyExact(millis, factor), (long) rest);
    }
}
