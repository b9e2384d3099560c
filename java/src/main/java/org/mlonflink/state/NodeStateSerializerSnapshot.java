package org.mlonflink.state;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Says in a checkpoint in which version of the format pieces of state were written. */
public final class NodeStateSerializerSnapshot implements TypeSerializerSnapshot<NodeState> {
    private static final int VERSION = 1;

    /** For Flink, which makes one when it reads a checkpoint. */
    public NodeStateSerializerSnapshot() {}

    @Override
    public int getCurrentVersion() {
        return VERSION;
    }

    @Override
    public void writeSnapshot(DataOutputView target) {}

    @Override
    public void readSnapshot(int version, DataInputView source, ClassLoader loader) throws IOException {
        if (version != VERSION) {
            throw new IOException("the state of this node was written in version " + version
                    + " of its format, and this release of ml-on-flink reads version " + VERSION);
        }
    }

    @Override
    public TypeSerializer<NodeState> restoreSerializer() {
        return new NodeStateSerializer();
    }

    @Override
    public TypeSerializerSchemaCompatibility<NodeState> resolveSchemaCompatibility(
            TypeSerializerSnapshot<NodeState> before) {
        return before instanceof NodeStateSerializerSnapshot
                ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                : TypeSerializerSchemaCompatibility.incompatible();
    }
}
