package org.mlonflink.queue;

import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The mapped file under a byte queue: made once, opened by both ends.
 *
 * <p>Closing lets go of the mapping. Java 17 has no way to unmap a file that is safe, so its memory goes back to the
 * system with the last buffer over it that the garbage collector finds unused.
 */
public final class QueueFile implements AutoCloseable {
    private static final int ZEROS = 1 << 16;

    private final int capacity;
    private ByteBuffer bytes;

    private QueueFile(ByteBuffer bytes, int capacity) {
        this.bytes = bytes;
        this.capacity = capacity;
    }

    /**
     * Makes the file of an empty queue, readable and writable by its owner alone, and maps it. All of it is written
     * here, so that a full {@code /dev/shm} is an error now and not a bus error later.
     *
     * @param capacity bytes of the ring, a power of two from 4096 to 2^30
     * @throws IOException if the file is there already, or there is no room for it; no file is left then
     */
    public static QueueFile create(Path path, int capacity) throws IOException {
        if (!Layout.isCapacity(capacity)) {
            throw new IllegalArgumentException(
                    "a byte queue's capacity is a power of two from 4096 to 2^30, not " + capacity);
        }
        var access = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        var mode = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
        try (FileChannel channel = FileChannel.open(path, access, mode)) {
            try {
                write(channel, capacity);
            } catch (IOException full) {
                Files.delete(path);
                throw full;
            }
            return map(channel, path);
        }
    }

    /**
     * Maps the queue at {@code path}.
     *
     * @throws ProtocolException if that is no byte queue, or one that this version cannot read
     */
    public static QueueFile open(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return map(channel, path);
        }
    }

    private static void write(FileChannel channel, int capacity) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(ZEROS);
        long size = (long) Layout.HEADER_BYTES + capacity;
        for (long at = 0; at < size; at += channel.write(zeros, at)) {
            zeros.clear().limit((int) Math.min(ZEROS, size - at));
        }
        ByteBuffer preamble = ByteBuffer.allocate(Layout.CAPACITY_OFFSET + Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        preamble.putLong(0, Layout.MAGIC);
        preamble.putInt(Layout.VERSION_OFFSET, Layout.VERSION);
        preamble.putLong(Layout.CAPACITY_OFFSET, capacity);
        channel.write(preamble, 0);
    }

    private static QueueFile map(FileChannel channel, Path path) throws IOException {
        long size = channel.size();
        if (size < Layout.HEADER_BYTES || size > Layout.HEADER_BYTES + (long) Layout.MAX_CAPACITY) {
            throw new ProtocolException(path + " is no byte queue: it has " + size + " bytes");
        }
        MappedByteBuffer mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, size);
        mapped.load().order(ByteOrder.LITTLE_ENDIAN);
        long magic = mapped.getLong(0);
        int version = mapped.getInt(Layout.VERSION_OFFSET);
        long capacity = mapped.getLong(Layout.CAPACITY_OFFSET);
        if (magic != Layout.MAGIC) {
            throw new ProtocolException(path + " is no byte queue: it begins with 0x" + Long.toHexString(magic));
        }
        if (version != Layout.VERSION) {
            throw new ProtocolException(
                    path + " is a byte queue of version " + version + ", this is version " + Layout.VERSION);
        }
        if (!Layout.isCapacity(capacity) || size != Layout.HEADER_BYTES + capacity) {
            throw new ProtocolException(
                    path + " is a damaged byte queue: capacity " + capacity + " in a file of " + size + " bytes");
        }
        return new QueueFile(mapped, (int) capacity);
    }

    /** Bytes of the ring. */
    public int capacity() {
        return capacity;
    }

    /** The whole file, little-endian; its position and limit are not to be moved. */
    ByteBuffer bytes() {
        if (bytes == null) {
            throw new IllegalStateException("the queue's file is closed");
        }
        return bytes;
    }

    @Override
    public void close() {
        bytes = null;
    }
}
