package org.mlonflink.state;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * Streams pieces of state into a checkpoint and out of it:
 *
 * <pre>
 * 8        length
 * length   the bytes
 * 32       SHA-256 of the bytes
 * </pre>
 *
 * <p>A piece that was written is closed, for each is written once.
 */
public final class NodeStateSerializer extends TypeSerializerSingleton<NodeState> {
    private static final long serialVersionUID = 1L;

    private static final int CHUNK = 1 << 20;
    private static final int DIGEST_BYTES = 32;
    /** Bytes of a digest that are shown. */
    private static final int SHOWN = 6;

    @Override
    public void serialize(NodeState state, DataOutputView target) throws IOException {
        long length = state.length();
        target.writeLong(length);
        MessageDigest digest = sha256();
        byte[] chunk = chunk(length);
        int count;
        for (long position = 0; position < length; position += count) {
            count = (int) Math.min(chunk.length, length - position);
            state.read(position, chunk, count);
            digest.update(chunk, 0, count);
            target.write(chunk, 0, count);
        }
        target.write(digest.digest());
        state.close();
    }

    @Override
    public NodeState deserialize(DataInputView source) throws IOException {
        RestoredState state = new RestoredState();
        try {
            read(source, state);
            return state;
        } catch (EOFException early) {
            state.close();
            throw damaged("it is cut short");
        } catch (IOException | RuntimeException error) {
            state.close();
            throw error;
        }
    }

    private static void read(DataInputView source, RestoredState state) throws IOException {
        long length = source.readLong();
        if (length < 0) {
            throw damaged("its length is " + length);
        }
        MessageDigest digest = sha256();
        byte[] chunk = chunk(length);
        InputStream bulk = BulkInput.below(source);
        while (state.length() < length) {
            int count = (int) Math.min(chunk.length, length - state.length());
            if (bulk == null) {
                source.readFully(chunk, 0, count);
            } else if (bulk.readNBytes(chunk, 0, count) < count) {
                throw new EOFException();
            }
            digest.update(chunk, 0, count);
            state.append(chunk, count);
        }
        byte[] written = new byte[DIGEST_BYTES];
        source.readFully(written);
        byte[] found = digest.digest();
        if (!MessageDigest.isEqual(written, found)) {
            throw damaged("its SHA-256 was " + shown(written) + " when it was written and is " + shown(found));
        }
    }

    private static IOException damaged(String how) {
        return new IOException("the state of this node in the checkpoint is damaged: " + how
                + "; go back to an older checkpoint or a savepoint");
    }

    private static String shown(byte[] digest) {
        return HexFormat.of().formatHex(digest, 0, SHOWN) + "…";
    }

    private static byte[] chunk(long length) {
        return new byte[(int) Math.min(CHUNK, length)];
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java platform has SHA-256", error);
        }
    }

    @Override
    public NodeState deserialize(NodeState reuse, DataInputView source) throws IOException {
        return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public NodeState copy(NodeState from) {
        return from;
    }

    @Override
    public NodeState copy(NodeState from, NodeState reuse) {
        return from;
    }

    @Override
    public NodeState createInstance() {
        return NodeState.missing("there is no state yet");
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public TypeSerializerSnapshot<NodeState> snapshotConfiguration() {
        return new NodeStateSerializerSnapshot();
    }
}
