package org.mlonflink.tfrecord;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.enumerate.FileEnumerator;
import org.apache.flink.connector.file.src.enumerate.NonSplittingRecursiveEnumerator;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.functions.sink.filesystem.OutputFileConfig;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;

/**
 * What the planner calls: which files a path means, and a source or a sink of them. It has instance methods only
 * because the planner reaches it through a gateway that does not see this class's loader.
 */
public final class RecordFiles {
    private static final Pattern FIRST_WILDCARD = Pattern.compile("[^/]*[*?\\[{]");

    /**
     * The files that `path` means, in order of their names: a file itself, every file below a folder, or what matches a
     * glob. Hidden ones (`.name`, `_name`) have to be named in full.
     */
    public List<String> matching(String path) throws IOException {
        List<String> found = new ArrayList<>();
        Path literal = new Path(path);
        Matcher wildcard = FIRST_WILDCARD.matcher(path);
        FileStatus status = status(literal);
        if (status != null) {
            addAll(status, found);
        } else if (wildcard.find() && (status = status(new Path(path.substring(0, wildcard.start())))) != null) {
            String rest = path.substring(wildcard.start());
            long depth = rest.contains("**") ? Integer.MAX_VALUE : rest.chars().filter(c -> c == '/').count() + 1;
            addMatches(status, FileSystems.getDefault().getPathMatcher("glob:" + literal.getPath()), depth, found);
        }
        found.sort(null);
        return found;
    }

    /** Whether `path` is an existing file, and so no folder to write to. */
    public boolean isFile(String path) throws IOException {
        FileStatus status = status(new Path(path));
        return status != null && !status.isDir();
    }

    /** The records of `files`, each read by one subtask. */
    public FileSource<byte[]> source(List<String> files) {
        Path[] paths = files.stream().map(Path::new).toArray(Path[]::new);
        FileEnumerator.Provider named = () -> new NonSplittingRecursiveEnumerator(path -> true);
        return FileSource.forBulkFileFormat(new RecordFormat(), paths)
                .setFileEnumerator(named)
                .build();
    }

    /** Files in `folder`, a new one after each checkpoint, whole and final as soon as they have their names. */
    public FileSink<byte[]> sink(String folder, boolean gzip) {
        String suffix = gzip ? ".tfrecord.gz" : ".tfrecord";
        return FileSink.<byte[]>forBulkFormat(new Path(folder), file -> new RecordWriter(file, gzip))
                .withBucketAssigner(new BasePathBucketAssigner<>())
                .withRollingPolicy(OnCheckpointRollingPolicy.build())
                .withOutputFileConfig(new OutputFileConfig("part", suffix))
                .build();
    }

    private static FileStatus status(Path path) throws IOException {
        try {
            return path.getFileSystem().getFileStatus(path);
        } catch (FileNotFoundException e) {
            return null;
        }
    }

    private static void addMatches(FileStatus entry, PathMatcher glob, long depth, List<String> found)
            throws IOException {
        if (glob.matches(java.nio.file.Path.of(entry.getPath().getPath()))) {
            addAll(entry, found);
        } else if (entry.isDir() && depth > 0) {
            for (FileStatus child : children(entry)) {
                addMatches(child, glob, depth - 1, found);
            }
        }
    }

    private static void addAll(FileStatus entry, List<String> found) throws IOException {
        if (!entry.isDir()) {
            found.add(entry.getPath().toString());
            return;
        }
        for (FileStatus child : children(entry)) {
            addAll(child, found);
        }
    }

    private static List<FileStatus> children(FileStatus folder) throws IOException {
        FileSystem system = folder.getPath().getFileSystem();
        FileStatus[] all = system.listStatus(folder.getPath());
        if (all == null) {
            throw new IOException(folder.getPath() + " cannot be listed");
        }
        return Arrays.stream(all).filter(RecordFiles::isSeen).toList();
    }

    private static boolean isSeen(FileStatus entry) {
        String name = entry.getPath().getName();
        return !name.startsWith(".") && !name.startsWith("_");
    }
}
