package org.mlonflink.columns;

import java.util.Arrays;

import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.TimestampData;

import org.mlonflink.columns.FrameLayout.Column;

/** Values that rows hold as objects and frames as integers. */
final class ObjectValues {
    private ObjectValues() {}

    static void putZero(byte[] target, int at, Storage storage) {
        Arrays.fill(target, at, at + storage.width, (byte) 0);
    }

    static void put(byte[] target, int at, Column column, TimestampData value) {
        Bytes.LONG.set(target, at, Timestamps.toLong(value, column));
    }

    static void put(byte[] target, int at, Column column, DecimalData value) {
        if (column.storage() == Storage.DECIMAL64) {
            Bytes.LONG.set(target, at, value.toUnscaledLong());
        } else {
            Bytes.putInt128(target, at, value.toUnscaledBytes());
        }
    }
}
