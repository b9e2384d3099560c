package org.mlonflink.flink;

import java.io.IOException;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.JobListener;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterJobClient;
import org.mlonflink.node.Json;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the user's other processes where the REST API of an embedded cluster is: in a file, 0600 in a folder that is 0700,
 * as long as the job runs. A job on any other cluster is not announced, and one that cannot be runs all the same.
 */
final class Announcement implements JobListener {
    private static final Logger LOG = LoggerFactory.getLogger(Announcement.class);
    private static final Path SELF = Path.of("/proc/self");
    private static final int OTHERS = 077;
    private static final int START = 19;
    private static final int TRIES = 10;

    private final Path folder;

    Announcement(Path folder) {
        this.folder = folder;
    }

    @Override
    public void onJobSubmitted(JobClient client, Throwable failure) {
        if (!(client instanceof MiniClusterJobClient)) {
            return;
        }
        try {
            Path file = write(client.getJobID() + ".json", content(cluster(client)));
            file.toFile().deleteOnExit();
            client.getJobExecutionResult().whenComplete((result, error) -> remove(file));
        } catch (Exception error) {
            LOG.warn("mlflink will not find the job {}: it could not be announced in {}", client.getJobID(), folder, error);
        }
    }

    @Override
    public void onJobExecuted(JobExecutionResult result, Throwable failure) {}

    private static MiniCluster cluster(JobClient client) throws ReflectiveOperationException {
        Field cluster = MiniClusterJobClient.class.getDeclaredField("miniCluster");
        cluster.setAccessible(true);
        return (MiniCluster) cluster.get(client);
    }

    private static String content(MiniCluster cluster) throws Exception {
        URI rest = cluster.getRestAddress().get();
        return Json.line(Json.object()
                .put("rest", rest.getHost() + ":" + rest.getPort())
                .put("pid", ProcessHandle.current().pid())
                .put("start", start()));
    }

    /** When this process began, in the kernel's ticks since the boot: who has the same number later began at another. */
    private static long start() throws IOException {
        String stat = Files.readString(SELF.resolve("stat"));
        return Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[START]);
    }

    /** Again where the last job that was announced there has removed the folder between two of our steps. */
    private Path write(String name, String content) throws IOException {
        for (int tries = 1; ; tries++) {
            try {
                return tryToWrite(name, content);
            } catch (NoSuchFileException removed) {
                if (tries == TRIES) {
                    throw removed;
                }
            }
        }
    }

    private Path tryToWrite(String name, String content) throws IOException {
        try {
            Files.createDirectory(folder, only("rwx------"));
        } catch (FileAlreadyExistsException exists) {
            check();
        }
        Path written = Files.createTempFile(folder, ".", "", only("rw-------"));
        Files.writeString(written, content);
        return Files.move(written, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Whoever may write there could send the user's commands anywhere. */
    private void check() throws IOException {
        Object owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        int mode = (int) Files.getAttribute(folder, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                || !owner.equals(Files.getAttribute(SELF, "unix:uid"))
                || (mode & OTHERS) != 0) {
            throw new IOException(folder + " is not a folder of this user alone");
        }
    }

    private static FileAttribute<Set<PosixFilePermission>> only(String permissions) {
        return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
    }

    private void remove(Path file) {
        try {
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder); // by the last one: it refuses while there are others
        } catch (IOException others) {
            LOG.debug("{} stays", folder, others);
        }
    }
}
