package org.mlonflink.state;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A piece of state that came out of a checkpoint, in a temporary file without a name; closing it frees the disk. */
final class RestoredState implements NodeState {
    private final StateFile file;
    private long length;

    RestoredState() throws IOException {
        Path path = Files.createTempFile("mlflink-", ".state");
        try {
            file = new StateFile(path);
        } finally {
            Files.delete(path);
        }
    }

    void append(byte[] source, int count) throws IOException {
        file.write(length, source, count);
        length += count;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public void read(long position, byte[] target, int count) throws IOException {
        file.read(position, target, count);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
