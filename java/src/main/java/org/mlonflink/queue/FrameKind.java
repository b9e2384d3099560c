package org.mlonflink.queue;

/**
 * What a frame says: {@code BATCH} carries rows, {@code STATE} a state or where it lies, {@code END} nothing, every
 * other kind one signed 64-bit number.
 */
public final class FrameKind {
    public static final int BATCH = 1;
    public static final int WATERMARK = 2;
    public static final int STATUS = 3;
    public static final int CHECKPOINT = 4;
    public static final int ABORT = 5;
    public static final int CUT = 6;
    public static final int END = 7;
    public static final int STATE = 8;

    private FrameKind() {}
}
