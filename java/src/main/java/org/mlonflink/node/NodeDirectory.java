package org.mlonflink.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.mlonflink.queue.QueueFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node's private folder, with the files of its queues: in shared memory, or in a temporary folder where there is none
 * or too little of it. Each node finds out for itself: those of one host may lie in both.
 */
public final class NodeDirectory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDirectory.class);
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");
    private static final String IN = "in";
    private static final String OUT = "out";

    public final Path path;
    /** Where the doorbell listens. */
    public final Path bell;

    public final QueueFile in;
    public final QueueFile out;

    private NodeDirectory(Path parent, String prefix, int inBytes, int outBytes) throws IOException {
        this.path = Files.createTempDirectory(
                parent, prefix, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        this.bell = path.resolve("bell");
        try {
            this.in = QueueFile.create(path.resolve(IN), inBytes);
            this.out = QueueFile.create(path.resolve(OUT), outBytes);
        } catch (IOException full) {
            remove();
            throw full;
        }
    }

    /** Makes a folder that is like no other and begins with `prefix`, with queues of so many bytes. */
    public static NodeDirectory create(String prefix, int inBytes, int outBytes, String temporary) throws IOException {
        long bytes = (long) inBytes + outBytes;
        if (Files.isWritable(SHARED_MEMORY)) {
            try {
                if (free() >= 2 * bytes) { // as much again is left to others
                    return new NodeDirectory(SHARED_MEMORY, prefix, inBytes, outBytes);
                }
            } catch (IOException full) {
                LOG.debug("somebody else has taken the room in {}", SHARED_MEMORY, full);
            }
            LOG.warn(
                    "{} has only {} bytes free and the queues of a node need {}, with as much again for others: they "
                            + "lie in {} instead, which is slower. Give the host or container a larger /dev/shm "
                            + "(docker: --shm-size; Kubernetes: an emptyDir of medium Memory mounted there).",
                    SHARED_MEMORY,
                    free(),
                    bytes,
                    temporary);
        }
        return new NodeDirectory(Path.of(temporary), prefix, inBytes, outBytes);
    }

    /** Says where all this is, in the assignment of the node's agent. */
    ObjectNode addTo(ObjectNode assignment) {
        return assignment
                .put("directory", path.toString())
                .put("input_queue", path.resolve(IN).toString())
                .put("output_queue", path.resolve(OUT).toString())
                .put("bell", bell.toString());
    }

    private static long free() throws IOException {
        return Files.getFileStore(SHARED_MEMORY).getUsableSpace();
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

    /** Lets go of the queues and removes the folder; the agent does the same, whoever comes first. */
    @Override
    public void close() {
        in.close();
        out.close();
        try {
            remove();
        } catch (IOException | java.io.UncheckedIOException error) {
            LOG.debug("{} is being removed by the agent as well", path, error);
        }
    }
}
