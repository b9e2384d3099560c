package org.mlonflink.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state that a process has left in shared memory, in one piece or several.
 *
 * <p>The memory is a file without a name, open in the process. All integers are little-endian:
 *
 * <pre>
 * offset   size   field                written by
 * 0        8      taken                process     grows by one before each STATE frame
 * 64       8      released             JVM         the value of taken whose pieces it has read, or needs no more
 * 4096            the pieces
 * </pre>
 *
 * <p>A STATE frame says where they are, as 64-bit numbers: process, file descriptor, number of pieces, then offset and
 * length of each. The process writes the memory again only after it was released.
 *
 * <p>Threads: opened and released on the task thread; the pieces are read by the threads of Flink's checkpoints.
 */
public final class SharedState {
    /** The state of a node that has none. */
    public static final SharedState NONE = new SharedState(null, List.of());

    private static final Logger LOG = LoggerFactory.getLogger(SharedState.class);
    private static final int TAKEN = 0;
    private static final int RELEASED = 64;

    /** Null where there is nothing to read. */
    private final StateFile file;

    private final List<NodeState> parts;
    private final byte[] taken = new byte[Long.BYTES];
    private int unread;
    private boolean kept;
    private boolean released;

    private SharedState(StateFile file, List<NodeState> parts) {
        this.file = file;
        this.parts = parts;
        this.released = file == null;
    }

    /**
     * Opens what a STATE frame tells of. Where that fails, because the process has died meanwhile, the pieces are
     * missing, and so fails the checkpoint that they belong to: why the process died is for its end to tell.
     */
    public static SharedState open(ByteBuffer frame) {
        ByteBuffer numbers = frame.slice().order(ByteOrder.LITTLE_ENDIAN);
        Path path = Path.of("/proc/" + numbers.getLong() + "/fd/" + numbers.getLong());
        try {
            SharedState state = new SharedState(new StateFile(path), new ArrayList<>());
            state.begin(numbers);
            return state;
        } catch (IOException gone) {
            LOG.warn("the state of a node is gone with its process: {}", gone.toString());
            return new SharedState(
                    null, List.of(NodeState.missing("the node's process died before its state could be read")));
        }
    }

    private void begin(ByteBuffer numbers) throws IOException {
        try {
            file.read(TAKEN, taken, taken.length);
        } catch (IOException error) {
            file.close();
            throw error;
        }
        unread = (int) numbers.getLong();
        for (int i = 0; i < unread; i++) {
            parts.add(new Part(numbers.getLong(), numbers.getLong()));
        }
        if (unread == 0) {
            release();
        }
    }

    /** The pieces, in order. When each was read and closed once, the process gets its memory back. */
    public List<NodeState> parts() {
        return parts;
    }

    /** Keeps the memory until {@link #release}: the pieces may be read several times. */
    public synchronized void keep() {
        kept = true;
    }

    /** Gives the memory back to the process; pieces that were not read yet cannot be read any more. */
    public synchronized void release() {
        if (released) {
            return;
        }
        released = true;
        try (file) {
            file.write(RELEASED, taken, taken.length);
        } catch (IOException error) {
            LOG.warn("shared memory could not be given back to a node's process", error);
        }
    }

    /** Whether the memory was given back. */
    public synchronized boolean isReleased() {
        return released;
    }

    private synchronized void closePart() {
        unread--;
        if (unread == 0 && !kept) {
            release();
        }
    }

    private final class Part implements NodeState {
        private final long offset;
        private final long length;

        Part(long offset, long length) {
            this.offset = offset;
            this.length = length;
        }

        @Override
        public long length() {
            return length;
        }

        @Override
        public void read(long position, byte[] target, int count) throws IOException {
            file.read(offset + position, target, count);
        }

        @Override
        public void close() {
            closePart();
        }
    }
}
