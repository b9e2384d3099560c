package org.mlonflink.flink;

import org.apache.flink.streaming.api.operators.Input;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.LatencyMarker;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;

/** An input of a node, which says nothing but barriers and its end. */
record EmptyInput(Output<StreamRecord<RowData>> output) implements Input<Byte> {
    @Override
    public void processElement(StreamRecord<Byte> element) {
        throw new IllegalStateException("the inputs of a node carry no rows");
    }

    @Override
    public void processWatermark(Watermark mark) {}

    @Override
    public void processWatermarkStatus(WatermarkStatus status) {}

    @Override
    public void processLatencyMarker(LatencyMarker marker) {
        output.emitLatencyMarker(marker);
    }

    @Override
    public void setKeyContextElement(StreamRecord<Byte> element) {}
}
