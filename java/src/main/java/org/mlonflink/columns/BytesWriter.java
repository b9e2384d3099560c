package org.mlonflink.columns;

import java.util.List;

import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Column;

/** A column of strings or of bytes. */
final class BytesWriter extends BlockWriter {
    private final VariableBytes values = new VariableBytes();
    private final Column column;

    BytesWriter(Column column) {
        this.column = column;
    }

    @Override
    void append(RowData row, int index, boolean nulls) {
        int field = column.field();
        if (nulls && column.nullable() && row.isNullAt(field)) {
            values.addNull();
        } else if (column.storage() == Storage.STRING) {
            values.add(row.getString(field));
        } else {
            values.add(row.getBinary(field));
        }
    }

    @Override
    List<FrameBuffer> buffers() {
        return values.buffers();
    }
}
