package org.mlonflink.columns;

import java.math.BigInteger;
import java.nio.ByteBuffer;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

import org.mlonflink.columns.FrameLayout.Block;
import org.mlonflink.columns.FrameLayout.Column;
import org.mlonflink.columns.FrameLayout.Kind;

/** Where the values of a column lie in the frame that is looked at; positions are set anew for each frame. */
final class ColumnView {
    private static final int ABSENT = -1;

    private final Column column;
    private final ColumnView elements; // of an array
    private final int width; // of a vector
    private ByteBuffer frame;
    private int validity = ABSENT;
    private int values;
    private int step;
    private int offsets;

    ColumnView(Column column, Block block) {
        this.column = column;
        this.width = block.kind() == Kind.VECTOR ? block.width() : 0;
        this.elements = column.element() == null ? null : new ColumnView(column.element(), block);
    }

    /** The value of the first row is at {@code first}, the next one {@code distance} bytes on. */
    void fixed(ByteBuffer buffer, int first, int distance) {
        frame = buffer;
        values = first;
        step = distance;
        validity = ABSENT;
    }

    /** The elements of this vector begin at {@code first}. */
    void vector(ByteBuffer buffer, int first) {
        fixed(buffer, first, 0);
        elements.fixed(buffer, first, elements.column.storage().width);
    }

    /** The flags, the offsets and (of a column of bytes) the data of this column come next. */
    void variable(BufferTable table, int rows) {
        frame = table.frame();
        validity(table, rows);
        offsets = table.offsets(rows);
        int count = frame.getInt(offsets + rows * Integer.BYTES);
        if (elements == null) {
            values = table.next(count);
        } else if (elements.column.storage().width == 0) {
            elements.variable(table, count);
        } else {
            int bytes = elements.column.storage().width;
            elements.fixed(frame, table.next(FrameLayout.aligned(Math.multiplyExact(count, bytes))), bytes);
            elements.validity(table, count);
        }
    }

    /** The flags of this column come next. */
    void validity(BufferTable table, int rows) {
        validity = table.validity(rows);
    }

    Column column() {
        return column;
    }

    boolean isNull(int row) {
        return validity != ABSENT && frame.get(validity + row) == 0;
    }

    boolean getBoolean(int row) {
        return frame.get(values + row * step) != 0;
    }

    byte getByte(int row) {
        return frame.get(values + row * step);
    }

    short getShort(int row) {
        return frame.getShort(values + row * step);
    }

    int getInt(int row) {
        return frame.getInt(values + row * step);
    }

    long getLong(int row) {
        return frame.getLong(values + row * step);
    }

    float getFloat(int row) {
        return frame.getFloat(values + row * step);
    }

    double getDouble(int row) {
        return frame.getDouble(values + row * step);
    }

    TimestampData getTimestamp(int row) {
        return Timestamps.fromLong(getLong(row), column.precision());
    }

    DecimalData getDecimal(int row) {
        if (column.storage() == Storage.DECIMAL64) {
            return DecimalData.fromUnscaledLong(getLong(row), column.precision(), column.scale());
        }
        BigInteger unscaled = new BigInteger(Bytes.getInt128(frame, values + row * step));
        return DecimalData.fromUnscaledBytes(unscaled.toByteArray(), column.precision(), column.scale());
    }

    StringData getString(int row) {
        return StringData.fromBytes(getBinary(row));
    }

    byte[] getBinary(int row) {
        int start = offset(row);
        byte[] bytes = new byte[offset(row + 1) - start];
        frame.get(values + start, bytes);
        return bytes;
    }

    ArrayData getArray(int row) {
        if (width > 0) {
            return elements.array(row * width, width);
        }
        int start = offset(row);
        return elements.array(start, offset(row + 1) - start);
    }

    private int offset(int row) {
        return frame.getInt(offsets + row * Integer.BYTES);
    }

    /** {@code count} values from {@code start} on: an array of primitives where they are, and none is null. */
    private ArrayData array(int start, int count) {
        for (int index = start; validity != ABSENT && index < start + count; index++) {
            if (isNull(index)) {
                return objects(start, count);
            }
        }
        int at = values + start * step;
        switch (column.storage()) {
            case INT32 -> {
                int[] array = new int[count];
                part(at, count).asIntBuffer().get(array);
                return new GenericArrayData(array);
            }
            case INT64 -> {
                long[] array = new long[count];
                part(at, count).asLongBuffer().get(array);
                return new GenericArrayData(array);
            }
            case FLOAT32 -> {
                float[] array = new float[count];
                part(at, count).asFloatBuffer().get(array);
                return new GenericArrayData(array);
            }
            case FLOAT64 -> {
                double[] array = new double[count];
                part(at, count).asDoubleBuffer().get(array);
                return new GenericArrayData(array);
            }
            default -> {
                return objects(start, count);
            }
        }
    }

    private ByteBuffer part(int at, int count) {
        return frame.slice(at, count * step).order(frame.order());
    }

    private ArrayData objects(int start, int count) {
        Object[] array = new Object[count];
        for (int index = 0; index < count; index++) {
            array[index] = isNull(start + index) ? null : object(start + index);
        }
        return new GenericArrayData(array);
    }

    private Object object(int row) {
        return switch (column.storage()) {
            case BOOL -> getBoolean(row);
            case INT8 -> getByte(row);
            case INT16 -> getShort(row);
            case INT32, DATE -> getInt(row);
            case INT64 -> getLong(row);
            case FLOAT32 -> getFloat(row);
            case FLOAT64 -> getDouble(row);
            case TIMESTAMP -> getTimestamp(row);
            case DECIMAL64, DECIMAL128 -> getDecimal(row);
            case STRING -> getString(row);
            case BINARY -> getBinary(row);
            case LIST -> getArray(row);
        };
    }
}
