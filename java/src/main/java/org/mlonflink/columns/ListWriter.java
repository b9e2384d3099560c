package org.mlonflink.columns;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

import org.apache.flink.table.data.RowData;

import org.mlonflink.columns.FrameLayout.Column;

/** A column of arrays of any length. */
final class ListWriter extends BlockWriter {
    private final GrowingBuffer.Offsets offsets = new GrowingBuffer.Offsets();
    private final Column column;
    private final ArrayWriter elements;
    private final Validity validity;

    ListWriter(Column column, IntSupplier rows) {
        this.column = column;
        this.elements = ArrayWriter.of(column.requireElement());
        this.validity = new Validity(rows);
    }

    @Override
    boolean isChoosy() {
        return elements.isChoosy();
    }

    @Override
    void check(RowData row) {
        if (!row.isNullAt(column.field())) {
            elements.check(row.getArray(column.field()));
        }
    }

    @Override
    void append(RowData row, int index, boolean nulls) {
        if (nulls && column.nullable() && row.isNullAt(column.field())) {
            validity.setNull(index);
        } else {
            elements.append(row.getArray(column.field()));
        }
        offsets.add(elements.count());
    }

    @Override
    List<FrameBuffer> buffers() {
        List<FrameBuffer> buffers = new ArrayList<>(List.of(validity, offsets));
        buffers.addAll(elements.buffers());
        return buffers;
    }
}
