package org.mlonflink.flink;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Queue;
import java.util.TreeMap;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.memory.MemoryBackendCheckpointStorageAccess;
import org.apache.flink.util.IOUtils;
import org.mlonflink.node.FramesIn;
import org.mlonflink.node.NodeFailure;
import org.mlonflink.state.AwaitedState;
import org.mlonflink.state.NodeState;
import org.mlonflink.state.NodeStateSerializer;
import org.mlonflink.state.SharedState;

/**
 * The states of a node: what a checkpoint gave back, and which state belongs to which checkpoint.
 *
 * <p>A state goes through three hands, and whoever has it last gives its memory back to the process:
 *
 * <ol>
 *   <li>it is <em>said</em> by a STATE frame, and belongs to the cut, or the end, that comes next;
 *   <li>it is <em>cut</em>, until the barrier of its checkpoint comes, or {@link #passed} says that it will not;
 *   <li>it is <em>streamed</em> by the asynchronous part of the checkpoint. That gives it back when all is read; where it
 *       fails, or is cancelled before it ever ran, Flink aborts the checkpoint, and {@link #abort} does.
 * </ol>
 *
 * The <em>final</em> state, said before the end, answers every checkpoint that comes later, and is kept until the task
 * ends.
 *
 * <p>Without data input nothing ties barrier and cut together, and the barrier may come first: the state is then
 * <em>awaited</em>, and the asynchronous part of the checkpoint waits until the process has said it.
 *
 * <p>Used on the task thread only.
 */
final class NodeStates implements AutoCloseable {
    private final Queue<NodeState> restored = new ArrayDeque<>();
    private final NavigableMap<Long, SharedState> cut = new TreeMap<>();
    private final Map<Long, SharedState> streamed = new HashMap<>();
    private final Map<Long, AwaitedState> awaited = new HashMap<>();
    private final boolean barriersWait;
    private SharedState said = SharedState.NONE;
    private SharedState last = SharedState.NONE;
    private ListState<NodeState> list;

    /** Where barriers wait for cuts, a state that is not there when its barrier goes by will never be. */
    NodeStates(boolean barriersWait) {
        this.barriersWait = barriersWait;
    }

    /** Refuses to begin where the states would go to a place that is too small for them. */
    static void checkStorage(String role, Environment environment) throws NodeFailure {
        if (CheckpointingOptions.isCheckpointingEnabled(environment.getJobConfiguration())
                && environment.getCheckpointStorageAccess() instanceof MemoryBackendCheckpointStorageAccess) {
            throw new NodeFailure("role " + role + " keeps its state in Flink's checkpoints, and those go to the "
                    + "JobManager's memory, which takes 5 MB: set execution.checkpointing.dir to a folder or object "
                    + "store that every TaskManager and the JobManager can write");
        }
    }

    // ---------------------------------------------------------------------------------------------- Flink

    /** Takes over what a checkpoint holds for this node. A piece may come from another rank: Flink splits the list. */
    void initialize(OperatorStateStore store) throws Exception {
        list = store.getListState(new ListStateDescriptor<>("node", new NodeStateSerializer()));
        for (NodeState piece : list.get()) {
            if (piece.length() > 0) {
                restored.add(piece);
            } else {
                piece.close(); // it stands for an awaited state that turned out to be none
            }
        }
        list.clear();
    }

    /** How many pieces the process has to take over. */
    int restored() {
        return restored.size();
    }

    /** Sends the pieces to the process. */
    void sendRestored(FramesIn in) throws Exception {
        while (!restored.isEmpty()) {
            try (NodeState piece = restored.remove()) {
                in.send(piece);
            }
        }
    }

    /**
     * Gives Flink the state of a checkpoint whose barrier goes by.
     *
     * @param ended whether the process has, so that there is no answer but its final state
     */
    void snapshot(long checkpoint, boolean ended) throws Exception {
        streamed.values().removeIf(SharedState::isReleased);
        if (!barriersWait) {
            passed(checkpoint);
        }
        SharedState state = cut.remove(checkpoint);
        if (state != null) {
            streamed.put(checkpoint, state);
            list.update(state.parts());
        } else if (ended) {
            list.update(last.parts());
        } else if (!barriersWait) {
            AwaitedState piece = new AwaitedState();
            awaited.put(checkpoint, piece);
            list.update(List.of(piece));
        } else {
            list.update(List.of(
                    NodeState.missing("checkpoint " + checkpoint + " was given up by the node's process")));
        }
    }

    // ---------------------------------------------------------------------------------------------- the process

    /** The process says where a state lies. */
    void say(ByteBuffer frame) {
        said.release();
        said = SharedState.open(frame);
    }

    /** What was said is the state of this checkpoint. */
    void cut(long checkpoint) {
        AwaitedState waiting = awaited.remove(checkpoint);
        if (waiting != null) {
            waiting.complete(said);
            streamed.put(checkpoint, said);
            said = SharedState.NONE;
            return;
        }
        SharedState before = cut.put(checkpoint, said);
        if (before != null) {
            before.release();
        }
        said = SharedState.NONE;
    }

    /** What was said is the final state. */
    void end() {
        last.release();
        last = said;
        last.keep();
        said = SharedState.NONE;
        nodeEnded();
    }

    /** Nothing will be said any more. */
    void nodeEnded() {
        awaited.values().forEach(piece -> piece.complete(last));
        awaited.clear();
    }

    // ---------------------------------------------------------------------------------------------- given up

    /** No barrier before this one will come any more. */
    void passed(long checkpoint) {
        release(cut.headMap(checkpoint).values());
    }

    /** Nobody needs the state of this checkpoint. */
    void abort(long checkpoint) {
        release(cut.subMap(checkpoint, true, checkpoint, true).values());
        SharedState state = streamed.remove(checkpoint);
        if (state != null) {
            state.release();
        }
        AwaitedState waiting = awaited.remove(checkpoint);
        if (waiting != null) {
            waiting.fail("checkpoint " + checkpoint + " was given up");
        }
    }

    @Override
    public void close() {
        said.release();
        last.release();
        release(cut.values());
        release(streamed.values());
        awaited.values().forEach(piece -> piece.fail("the node's task has ended"));
        IOUtils.closeAllQuietly(restored);
    }

    private static void release(Collection<SharedState> states) {
        states.forEach(SharedState::release);
        states.clear();
    }
}
