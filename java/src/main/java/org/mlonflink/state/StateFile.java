package org.mlonflink.state;

import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;

/**
 * An open file that several threads read at positions of their own; a read and the close exclude each other.
 *
 * <p>No {@code FileChannel}: Flink interrupts the thread of a checkpoint that it cancels, and an interrupt closes the
 * channel that the thread reads, for every other reader as well.
 */
final class StateFile implements Closeable {
    private final RandomAccessFile file;

    /** Opens {@code path} for reading and writing. */
    StateFile(Path path) throws FileNotFoundException {
        this.file = new RandomAccessFile(path.toFile(), "rw");
    }

    synchronized void read(long position, byte[] target, int count) throws IOException {
        file.seek(position);
        file.readFully(target, 0, count);
    }

    synchronized void write(long position, byte[] source, int count) throws IOException {
        file.seek(position);
        file.write(source, 0, count);
    }

    @Override
    public synchronized void close() throws IOException {
        file.close();
    }
}
