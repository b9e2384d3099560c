package org.mlonflink.node;

/**
 * A failure that was told by Python. It prints as its message alone, without Java frames, so that the last "Caused
 * by:" of a failed job is the user's own traceback.
 */
public final class NodeFailure extends Exception {
    private static final long serialVersionUID = 1L;

    /** `cause` as Python told it. */
    public NodeFailure(String cause) {
        super(cause, null, false, false);
    }

    @Override
    public String toString() {
        return getMessage();
    }
}
