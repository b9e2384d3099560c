package org.mlonflink.columns;

/** A value does not fit its column, or a frame does not fit its layout. */
public final class FrameException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    FrameException(String message) {
        super(message);
    }
}
