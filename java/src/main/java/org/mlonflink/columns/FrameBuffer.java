package org.mlonflink.columns;

import java.nio.ByteBuffer;

/** One buffer of the frame that is being filled. */
interface FrameBuffer {
    /** Bytes that it takes in the frame; 0 if it is absent. */
    int length();

    /** Writes these bytes at {@code at}. */
    void write(ByteBuffer target, int at);

    /** Begins the next frame. */
    void clear();
}
