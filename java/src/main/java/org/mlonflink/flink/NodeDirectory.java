package org.mlonflink.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's private folder for queue files and sockets: in shared memory, or in a temporary folder where there is none
 * or too little of it.
 */
final class NodeDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDirectory.class);
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");

    final Path path;

    /** Makes a folder that is like no other and begins with `prefix`, for queues of so many bytes. */
    NodeDirectory(String prefix, long bytes, String temporary) throws IOException {
        this.path = Files.createTempDirectory(
                parent(bytes, temporary),
                prefix,
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private static Path parent(long bytes, String temporary) throws IOException {
        if (!Files.isWritable(SHARED_MEMORY)) {
            return Path.of(temporary);
        }
        long free = Files.getFileStore(SHARED_MEMORY).getUsableSpace();
        if (free >= 2 * bytes) {
            return SHARED_MEMORY;
        }
        LOG.warn(
                "{} has only {} bytes free and the queues of a node need {}: they lie in {} instead, which is slower. "
                        + "Give the host or container a larger /dev/shm (docker: --shm-size).",
                SHARED_MEMORY,
                free,
                bytes,
                temporary);
        return Path.of(temporary);
    }

    private void remove() throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        List<Path> found;
        try (Stream<Path> walk = Files.walk(path)) {
            found = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : found) {
            Files.deleteIfExists(file);
        }
    }

    /** Removes the folder; the agent does the same, whoever comes first. */
    @Override
    public void close() {
        try {
            remove();
        } catch (IOException | java.io.UncheckedIOException error) {
            LOG.debug("{} is being removed by the agent as well", path, error);
        }
    }
}
