package org.mlonflink.state;

import java.io.Closeable;
import java.io.IOException;

/** One piece of the state of a node: bytes that do not change and can be read until it is closed, by any thread. */
public interface NodeState extends Closeable {
    /**
     * Bytes of the piece.
     *
     * @throws IOException if there is no such state, which a checkpoint that needs it fails with
     */
    long length() throws IOException;

    /** Reads {@code count} bytes from {@code position} on into the beginning of {@code target}. */
    void read(long position, byte[] target, int count) throws IOException;

    /** Says that it was read to its end, or that nobody needs it. */
    @Override
    default void close() throws IOException {}

    /** Stands for a state that is not to be had, so that the checkpoint it would belong to fails with that reason. */
    static NodeState missing(String reason) {
        return new NodeState() {
            @Override
            public long length() throws IOException {
                throw new IOException(reason);
            }

            @Override
            public void read(long position, byte[] target, int count) throws IOException {
                throw new IOException(reason);
            }
        };
    }
}
