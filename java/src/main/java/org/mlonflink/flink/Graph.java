package org.mlonflink.flink;

import java.nio.file.Path;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.operators.SlotSharingGroup;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.operators.coordination.CoordinationRequestGateway;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.graph.StreamGraphGenerator;
import org.apache.flink.streaming.api.transformations.MultipleInputTransformation;
import org.apache.flink.streaming.api.transformations.OneInputTransformation;
import org.apache.flink.streaming.api.transformations.PartitionTransformation;
import org.apache.flink.streaming.runtime.partitioner.ForwardPartitioner;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.mlonflink.node.Json;
import org.mlonflink.node.NodeSettings;

/**
 * What the planner calls to put roles into a job graph. It has instance methods only because the planner reaches it
 * through a gateway that does not see this class's loader.
 */
public final class Graph {
    /** The AM's settings, to be completed while roles are added. */
    public MasterSettings master(String settings) {
        return new MasterSettings(Json.object(settings));
    }

    /** Adds the AM; its empty stream, broadcast, is the control input of every node. */
    public DataStream<Byte> addMaster(StreamExecutionEnvironment environment, String uid, MasterSettings settings) {
        AmSource source = new AmSource(settings);
        SingleOutputStreamOperator<Byte> end = environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "application master", Types.BYTE)
                .uid(uid + "/end")
                .setParallelism(1);
        SingleOutputStreamOperator<Byte> master = end.transform(
                        "application master", Types.BYTE, new AmOperatorFactory(settings))
                .uid(uid)
                .setDescription(uid) // by which the REST API tells who has a cluster, and what it is called
                .setParallelism(1);
        end.getTransformation().setMaxParallelism(1);
        master.getTransformation().setMaxParallelism(1);
        SlotSharingGroup rest = SlotSharingGroup.newBuilder(StreamGraphGenerator.DEFAULT_SLOT_SHARING_GROUP)
                .build();
        coLocate(uid, rest, end.getTransformation(), master.getTransformation());
        return master;
    }

    /**
     * Adds a role's nodes.
     *
     * @param data the role's input, null for a source role
     * @param output the columns of its output, null when it has none
     * @return the rows that come back; of no columns when there is no output
     */
    public DataStream<RowData> addNodes(
            StreamExecutionEnvironment environment,
            DataStream<RowData> data,
            DataStream<Byte> control,
            LogicalType output,
            String settings) {
        ObjectNode json = Json.object(settings);
        NodeSettings node = NodeSettings.parse(json);
        RowType rowType = output == null ? RowType.of() : (RowType) output;
        MultipleInputTransformation<RowData> nodes = new MultipleInputTransformation<>(
                json.get("name").asText(),
                new NodeOperatorFactory(node),
                InternalTypeInfo.of(rowType),
                node.parallelism());
        nodes.setUid(json.get("uid").asText());
        SlotSharingGroup group = Slots.group(json.get("group"));
        nodes.setSlotSharingGroup(group);
        if (data != null) {
            Transformation<Byte> feed = new OneInputTransformation<>(
                    data.getTransformation(),
                    json.get("name").asText() + " input",
                    new FeedOperatorFactory(node),
                    Types.BYTE,
                    node.parallelism());
            feed.setUid(json.get("uid").asText() + "/input");
            coLocate(json.get("uid").asText(), group, feed, nodes);
            nodes.addInput(new PartitionTransformation<>(feed, new ForwardPartitioner<>()));
        }
        nodes.addInput(control.broadcast().getTransformation());
        environment.addOperator(nodes);
        DataStream<RowData> stream = new DataStream<>(environment, nodes);
        if (output == null) {
            stream.sinkTo(new DiscardingSink<>())
                    .name(json.get("role").asText() + " (no output)")
                    .setParallelism(json.get("parallelism").asInt())
                    .slotSharingGroup(group);
        }
        return stream;
    }

    /** They share memory of their JVM: both in one slot sharing group, whatever the input's is. */
    private static void coLocate(String key, SlotSharingGroup group, Transformation<?>... transformations) {
        for (Transformation<?> transformation : transformations) {
            transformation.setSlotSharingGroup(group);
            transformation.setCoLocationGroupKey(key);
        }
    }

    /**
     * Makes nodes without output part of whatever is run for the sake of {@code nodes}' output. Their stream is empty,
     * and ends with the cluster, as the control stream does.
     */
    public void tie(DataStream<RowData> nodes, DataStream<RowData> withoutOutput) {
        ((MultipleInputTransformation<RowData>) nodes.getTransformation())
                .addInput(withoutOutput.broadcast().getTransformation());
    }

    /** The slots that everything in the environment takes so far, by slot sharing group. */
    public Map<String, Integer> slots(StreamExecutionEnvironment environment) {
        return Slots.of(environment);
    }

    /** The sizes of those slots that have one. */
    public Map<String, Map<String, Double>> sizes(StreamExecutionEnvironment environment) {
        return Slots.sizes(environment);
    }

    /** The rows of nodes in a group of their own, for operators that shall not inherit it. */
    public DataStream<RowData> leaveGroup(DataStream<RowData> rows, String uid) {
        return rows.map(row -> row)
                .returns(rows.getType())
                .name("rows out")
                .uid(uid)
                .setParallelism(rows.getParallelism())
                .slotSharingGroup(StreamGraphGenerator.DEFAULT_SLOT_SHARING_GROUP);
    }

    /** Whether rows come from a node of the cluster that `control` leads. */
    public boolean isOfCluster(DataStream<RowData> rows, DataStream<Byte> control) {
        return rows.getTransformation().getTransitivePredecessors().contains(control.getTransformation());
    }

    /**
     * Spreads rows over the nodes: round robin, or by the hash of one column so that a key stays on one node; by key
     * groups, for a partitioner of our own could not be used where checkpoints are unaligned. From one subtask to one node
     * there is nothing to spread, and the node's input is chained to where the rows come from.
     */
    public DataStream<RowData> partition(DataStream<RowData> rows, LogicalType rowType, int column, int nodes) {
        if (nodes == 1 && rows.getParallelism() == 1) {
            return rows;
        }
        if (column < 0) {
            return rows.rebalance();
        }
        LogicalType type = ((RowType) rowType).getTypeAt(column);
        return rows.keyBy(new ColumnHash(column, type), Types.INT);
    }

    /** Where the running job's AM listens, as JSON; null when there is none yet. Waits a few seconds at most. */
    public String findMaster(JobClient client, String uid) throws Exception {
        MasterAddress master = MasterAddress.read(((CoordinationRequestGateway) client)
                .sendCoordinationRequest(uid, new MasterAddress.Request(0))
                .get());
        return master == null ? null : master.json();
    }

    /** Has a job on an embedded cluster tell in `folder` where that is. */
    public void announce(StreamExecutionEnvironment environment, String folder) {
        environment.registerJobListener(new Announcement(Path.of(folder)));
    }

    private static final class ColumnHash implements KeySelector<RowData, Integer> {
        private static final long serialVersionUID = 1L;

        private final RowData.FieldGetter getter;

        ColumnHash(int column, LogicalType type) {
            this.getter = RowData.createFieldGetter(type, column);
        }

        @Override
        public Integer getKey(RowData row) {
            Object key = getter.getFieldOrNull(row);
            return key instanceof byte[] bytes ? java.util.Arrays.hashCode(bytes) : java.util.Objects.hashCode(key);
        }
    }
}
