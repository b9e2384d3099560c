package org.mlonflink.columns;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.types.RowKind;
import org.apache.flink.types.variant.Variant;

/** One row of a frame, read in place. */
final class ColumnarRow implements RowData {
    private final ColumnView[] columns;
    private final int arity;
    private RowKind kind = RowKind.INSERT;
    private int row;

    /** Of the first {@code arity} of these. */
    ColumnarRow(ColumnView[] columns, int arity) {
        this.columns = columns;
        this.arity = arity;
    }

    void moveTo(int index) {
        row = index;
        kind = RowKind.INSERT;
    }

    @Override
    public int getArity() {
        return arity;
    }

    @Override
    public RowKind getRowKind() {
        return kind;
    }

    @Override
    public void setRowKind(RowKind newKind) {
        kind = newKind;
    }

    @Override
    public boolean isNullAt(int field) {
        return columns[field].isNull(row);
    }

    @Override
    public boolean getBoolean(int field) {
        return columns[field].getBoolean(row);
    }

    @Override
    public byte getByte(int field) {
        return columns[field].getByte(row);
    }

    @Override
    public short getShort(int field) {
        return columns[field].getShort(row);
    }

    @Override
    public int getInt(int field) {
        return columns[field].getInt(row);
    }

    @Override
    public long getLong(int field) {
        return columns[field].getLong(row);
    }

    @Override
    public float getFloat(int field) {
        return columns[field].getFloat(row);
    }

    @Override
    public double getDouble(int field) {
        return columns[field].getDouble(row);
    }

    @Override
    public StringData getString(int field) {
        return columns[field].getString(row);
    }

    @Override
    public DecimalData getDecimal(int field, int precision, int scale) {
        return columns[field].getDecimal(row);
    }

    @Override
    public TimestampData getTimestamp(int field, int precision) {
        return columns[field].getTimestamp(row);
    }

    @Override
    public byte[] getBinary(int field) {
        return columns[field].getBinary(row);
    }

    @Override
    public ArrayData getArray(int field) {
        return columns[field].getArray(row);
    }

    @Override
    public <T> RawValueData<T> getRawValue(int field) {
        throw refusal(field);
    }

    @Override
    public MapData getMap(int field) {
        throw refusal(field);
    }

    @Override
    public RowData getRow(int field, int arity) {
        throw refusal(field);
    }

    @Override
    public Variant getVariant(int field) {
        throw refusal(field);
    }

    private UnsupportedOperationException refusal(int field) {
        String name = columns[field].column().name();
        return new UnsupportedOperationException("column '" + name + "' has a type that frames do not carry");
    }
}
