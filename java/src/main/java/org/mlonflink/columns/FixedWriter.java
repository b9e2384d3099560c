package org.mlonflink.columns;

import static org.mlonflink.columns.FrameLayout.aligned;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntSupplier;

import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Block;
import org.mlonflink.columns.FrameLayout.Column;
import org.mlonflink.columns.FrameLayout.Kind;

/** Columns of one fixed width: each for itself, or as the rows of a matrix. */
final class FixedWriter extends BlockWriter implements FrameBuffer {
    private final Column[] columns;
    private final int[] fields;
    private final Validity[] validity; // null where a column has none
    private final boolean isMatrix;
    private final Storage storage;
    private final IntSupplier rows;
    private final byte[] values;
    private final int rowStep;
    private final int slotStep;

    FixedWriter(Block block, int maxRows, IntSupplier rows) {
        this.columns = block.columns().toArray(Column[]::new);
        this.fields = block.columns().stream().mapToInt(Column::field).toArray();
        this.isMatrix = block.kind() == Kind.MATRIX;
        this.storage = block.first().storage();
        this.rows = rows;
        int width = storage.width;
        this.rowStep = isMatrix ? fields.length * width : width;
        // One cache line more than the rows need: columns a power of two apart would share a few lines of the cache.
        this.slotStep = isMatrix ? width : aligned(Math.multiplyExact(maxRows, width)) + FrameLayout.ALIGNMENT;
        this.values = new byte[Math.multiplyExact(isMatrix ? maxRows : fields.length, isMatrix ? rowStep : slotStep)];
        this.validity = new Validity[fields.length];
        for (int slot = 0; slot < fields.length; slot++) {
            validity[slot] = !isMatrix && columns[slot].nullable() ? new Validity(rows) : null;
        }
    }

    @Override
    boolean isChoosy() {
        return isMatrix ? !storage.isFloat() : Arrays.stream(columns).anyMatch(Timestamps::isChoosy);
    }

    @Override
    void check(RowData row) {
        for (int slot = 0; slot < fields.length; slot++) {
            Column column = columns[slot];
            if (!column.nullable() || !row.isNullAt(fields[slot])) {
                if (Timestamps.isChoosy(column)) {
                    Timestamps.toLong(row.getTimestamp(fields[slot], column.precision()), column);
                }
            } else if (isMatrix) {
                throw new FrameException("column '" + column.name()
                        + "' is null, a matrix holds null only as the NaN of FLOAT and DOUBLE: use COALESCE in SQL");
            }
        }
    }

    @Override
    void append(RowData row, int index, boolean nulls) {
        int at = index * rowStep;
        switch (storage) {
            case BOOL -> booleans(row, index, at, nulls);
            case INT8 -> bytes(row, index, at, nulls);
            case INT16 -> shorts(row, index, at, nulls);
            case INT32, DATE -> ints(row, index, at, nulls);
            case INT64 -> longs(row, index, at, nulls);
            case FLOAT32 -> floats(row, index, at, nulls);
            case FLOAT64 -> doubles(row, index, at, nulls);
            default -> objects(row, index, at);
        }
    }

    private void booleans(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            boolean value = !(nulls && isNull(row, slot, index)) && row.getBoolean(fields[slot]);
            values[at] = (byte) (value ? 1 : 0);
        }
    }

    private void bytes(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            values[at] = nulls && isNull(row, slot, index) ? 0 : row.getByte(fields[slot]);
        }
    }

    private void shorts(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Bytes.SHORT.set(values, at, nulls && isNull(row, slot, index) ? (short) 0 : row.getShort(fields[slot]));
        }
    }

    private void ints(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Bytes.INT.set(values, at, nulls && isNull(row, slot, index) ? 0 : row.getInt(fields[slot]));
        }
    }

    private void longs(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Bytes.LONG.set(values, at, nulls && isNull(row, slot, index) ? 0L : row.getLong(fields[slot]));
        }
    }

    private void floats(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Bytes.FLOAT.set(values, at, nulls && isNull(row, slot, index) ? Float.NaN : row.getFloat(fields[slot]));
        }
    }

    private void doubles(RowData row, int index, int at, boolean nulls) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Bytes.DOUBLE.set(values, at, nulls && isNull(row, slot, index) ? Double.NaN : row.getDouble(fields[slot]));
        }
    }

    private void objects(RowData row, int index, int at) {
        for (int slot = 0; slot < fields.length; slot++, at += slotStep) {
            Column column = columns[slot];
            if (isNull(row, slot, index)) {
                ObjectValues.putZero(values, at, storage);
            } else if (storage == Storage.TIMESTAMP) {
                ObjectValues.put(values, at, column, row.getTimestamp(fields[slot], column.precision()));
            } else {
                ObjectValues.put(values, at, column, row.getDecimal(fields[slot], column.precision(), column.scale()));
            }
        }
    }

    private boolean isNull(RowData row, int slot, int index) {
        if (!columns[slot].nullable() || !row.isNullAt(fields[slot])) {
            return false;
        }
        if (!isMatrix) {
            validity[slot].setNull(index);
        }
        return true;
    }

    @Override
    List<FrameBuffer> buffers() {
        List<FrameBuffer> buffers = new ArrayList<>();
        buffers.add(this);
        for (Validity column : validity) {
            if (column != null) {
                buffers.add(column);
            }
        }
        return buffers;
    }

    @Override
    public int length() {
        int bytes = rows.getAsInt() * rowStep;
        return isMatrix ? bytes : fields.length * aligned(bytes);
    }

    @Override
    public void write(ByteBuffer target, int at) {
        int bytes = rows.getAsInt() * rowStep;
        int stride = aligned(bytes);
        int parts = isMatrix ? 1 : fields.length;
        for (int part = 0; part < parts; part++, at += stride) {
            target.put(at, values, part * slotStep, bytes);
            Bytes.pad(target, at + bytes, at + stride);
        }
    }

    @Override
    public void clear() {} // rows are written over
}
