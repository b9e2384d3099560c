package org.mlonflink.benchmarks;

import java.net.URI;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.streaming.api.datastream.AsyncDataStream;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.utils.DataTypeUtils;
import org.apache.flink.util.function.SerializableSupplier;

/** What the benchmark calls to plan the two ends of a job: the rows, and what is left of them. */
public final class Bench {
    /**
     * A table of so many rows of a type, as fast as it is read.
     *
     * @param prepared file with the rows, whose last column becomes their number; null makes them by rule
     */
    public Table rows(
            StreamExecutionEnvironment env, StreamTableEnvironment tables, DataType type, long count, String prepared) {
        SerializableSupplier<BinaryRowData[]> made = made((RowType) type.getLogicalType(), prepared);
        Generator generator = prepared == null ? new Generator(made) : new StampedGenerator(made, number -> number);
        return generated(env, tables, type, new NumberSequenceSource(0, count - 1), generator);
    }

    /** A table of so many rows of a type, one each interval, the last column being the time it counts from. */
    public Table pacedRows(
            StreamExecutionEnvironment env,
            StreamTableEnvironment tables,
            DataType type,
            long count,
            String prepared,
            long nanos) {
        SerializableSupplier<BinaryRowData[]> made = made((RowType) type.getLogicalType(), prepared);
        return generated(env, tables, type, new PacedSource(count, nanos), new StampedGenerator(made, number -> Pace.time()));
    }

    private static SerializableSupplier<BinaryRowData[]> made(RowType type, String prepared) {
        return prepared == null ? () -> Rows.of(type) : () -> PreparedRows.read(type, prepared);
    }

    private static Table generated(
            StreamExecutionEnvironment env,
            StreamTableEnvironment tables,
            DataType type,
            NumberSequenceSource numbers,
            Generator generator) {
        DataStream<RowData> rows = env.fromSource(numbers, WatermarkStrategy.noWatermarks(), "numbers")
                .map(generator)
                .returns(InternalTypeInfo.of((RowType) type.getLogicalType()))
                .name("rows");
        return tables.fromDataStream(rows, Schema.newBuilder().fromRowDataType(type).build());
    }

    /** Adds up every value of a table. */
    public void sum(StreamTableEnvironment tables, Table table, long count, String file) {
        DataType type = table.getResolvedSchema().toPhysicalRowDataType();
        receive(tables, table, new Sum((RowType) type.getLogicalType()), count, file);
    }

    /** Compares answers with what the rows of type `question` add up to. */
    public void answers(StreamTableEnvironment tables, Table table, DataType question, long count, String file) {
        receive(tables, table, new Answers((RowType) question.getLogicalType()), count, file);
    }

    /** Looks how old the times in the first column are, but for the first `skipped`. */
    public void latency(StreamTableEnvironment tables, Table table, int skipped, int count, String file) {
        receive(tables, table, new Latency(skipped, count - skipped), count, file);
    }

    /** A table of the last column and the score that a server gives each row. */
    public Table http(StreamTableEnvironment tables, Table table, String uri, int capacity) {
        DataType type = DataTypeUtils.toInternalDataType(table.getResolvedSchema().toPhysicalRowDataType());
        DataType scored = DataTypes.ROW(
                        DataTypes.FIELD("id", DataTypes.BIGINT()), DataTypes.FIELD("score", DataTypes.FLOAT()))
                .notNull();
        HttpScores scores = new HttpScores((RowType) type.getLogicalType(), URI.create(uri));
        DataStream<RowData> answers = AsyncDataStream.orderedWait(
                        tables.toDataStream(table, type), scores, 60, TimeUnit.SECONDS, capacity)
                .returns(InternalTypeInfo.of((RowType) scored.getLogicalType()));
        return tables.fromDataStream(
                answers, Schema.newBuilder().fromRowDataType(scored).build());
    }

    /** Compares each row, its number and its score, with the scores in the file `truth`. */
    public void scores(StreamTableEnvironment tables, Table table, String truth, long count, String file) {
        receive(tables, table, new Scores(truth, true), count, file);
    }

    /** Looks how old the times in the first column are, as `latency`, and compares the scores beside them. */
    public void pacedScores(
            StreamTableEnvironment tables, Table table, String truth, int skipped, int count, String file) {
        Receipt.Look latency = new Latency(skipped, count - skipped);
        receive(tables, table, new Receipt.Both(latency, new Scores(truth, false)), count, file);
    }

    private static void receive(
            StreamTableEnvironment tables, Table table, Receipt.Look look, long count, String file) {
        DataType internal = DataTypeUtils.toInternalDataType(table.getResolvedSchema().toPhysicalRowDataType());
        DataStream<RowData> rows = tables.toDataStream(table, internal);
        rows.sinkTo(new Receipt(look, count, file)).name("receipt");
    }
}
