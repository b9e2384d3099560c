package org.mlonflink.columns;

import java.nio.ByteOrder;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.data.binary.BinarySegmentUtils;

/** The fixed part of one binary row, copied out of Flink's memory for {@link SlotCopy}. */
final class BinarySlots {
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private final int first;
    private final byte[] bytes;

    BinarySlots(int fields) {
        this.first = BinaryRowData.calculateBitSetWidthInBytes(fields);
        this.bytes = new byte[BinaryRowData.calculateFixPartSizeInBytes(fields)];
    }

    /** Copies {@code row} if it is binary and none of its fields is null; else returns false. */
    boolean load(RowData row) {
        if (!LITTLE_ENDIAN || !(row instanceof BinaryRowData binary) || binary.anyNull()) {
            return false;
        }
        BinarySegmentUtils.copyToBytes(binary.getSegments(), binary.getOffset(), bytes, 0, bytes.length);
        return true;
    }

    byte[] bytes() {
        return bytes;
    }

    /** Where the first slot begins. */
    int first() {
        return first;
    }
}
