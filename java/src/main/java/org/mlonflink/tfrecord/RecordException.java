package org.mlonflink.tfrecord;

import java.io.IOException;

/**
 * A file is no TFRecord file, or is damaged; says which one, and where. It has no cause: the innermost exception is
 * what users are shown, and none says more than this one.
 */
public final class RecordException extends IOException {
    private static final long serialVersionUID = 1L;

    RecordException(String file, long offset, boolean compressed, String problem) {
        super(file + ", record at byte " + offset + (compressed ? " of the uncompressed data" : "") + ": " + problem);
    }
}
