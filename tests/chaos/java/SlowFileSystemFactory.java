import java.io.File;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import org.apache.flink.core.fs.FSDataOutputStream;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.FileSystemFactory;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.fs.local.LocalFileSystem;

/**
 * The local file system under the scheme {@code slow}: a file of a checkpoint is created only after as many
 * milliseconds as {@code storage-delay} says, beside the folder of checkpoints, if it is there.
 */
public final class SlowFileSystemFactory implements FileSystemFactory {
    @Override
    public String getScheme() {
        return "slow";
    }

    @Override
    public FileSystem create(URI uri) {
        return new SlowFileSystem();
    }

    private static final class SlowFileSystem extends LocalFileSystem {
        @Override
        public URI getUri() {
            return URI.create("slow:///");
        }

        @Override
        public FSDataOutputStream create(Path file, WriteMode mode) throws IOException {
            Path checkpoints = file.getParent().getParent().getParent(); // checkpoints/<job>/chk-n/<file>
            File delay = new File(new Path(checkpoints.getParent(), "storage-delay").getPath());
            try {
                Thread.sleep(Long.parseLong(Files.readString(delay.toPath())));
            } catch (NoSuchFileException e) {
                // nothing delays it
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while the storage was slow");
            }
            return super.create(file, mode);
        }
    }
}
