package org.mlonflink.columns;

import java.util.List;

import org.apache.flink.table.data.ArrayData;

import org.mlonflink.columns.FrameLayout.Column;

/** Elements that are strings or bytes. */
final class VariableElements implements ArrayWriter {
    private final VariableBytes values = new VariableBytes();
    private final Storage storage;

    VariableElements(Column element) {
        this.storage = element.storage();
    }

    @Override
    public void append(ArrayData array) {
        for (int index = 0; index < array.size(); index++) {
            if (array.isNullAt(index)) {
                values.addNull();
            } else if (storage == Storage.STRING) {
                values.add(array.getString(index));
            } else {
                values.add(array.getBinary(index));
            }
        }
    }

    @Override
    public int count() {
        return values.count();
    }

    @Override
    public List<FrameBuffer> buffers() {
        return values.buffers();
    }
}
