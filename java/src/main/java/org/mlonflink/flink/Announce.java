package org.mlonflink.flink;

import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.co.BroadcastProcessFunction;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.utils.JoinedRowData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.util.Collector;

/** Adds to each row the number that the control stream sent last; null before its first. */
final class Announce extends BroadcastProcessFunction<RowData, RowData, RowData> {
    static final MapStateDescriptor<Boolean, Long> STATE =
            new MapStateDescriptor<>("announced", Types.BOOLEAN, Types.LONG);

    private static final long serialVersionUID = 1L;
    private final RowData.FieldGetter number;
    /** What is in the state, as a row; null until somebody has looked. */
    private transient RowData latest;

    Announce(LogicalType type) {
        this.number = RowData.createFieldGetter(type, 0);
    }

    @Override
    public void processElement(RowData row, ReadOnlyContext context, Collector<RowData> out) throws Exception {
        if (latest == null) {
            latest = GenericRowData.of(context.getBroadcastState(STATE).get(true));
        }
        out.collect(new JoinedRowData(row.getRowKind(), row, latest));
    }

    @Override
    public void processBroadcastElement(RowData control, Context context, Collector<RowData> out) throws Exception {
        Object sent = number.getFieldOrNull(control);
        if (sent != null) {
            context.getBroadcastState(STATE).put(true, ((Number) sent).longValue());
            latest = null;
        }
    }
}
