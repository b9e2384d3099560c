package org.mlonflink.flink;

/** The address under which processes of this TaskManager are reached. */
final class Host {
    private Host() {}

    /** What the TaskManager announces; an embedded cluster announces nothing, and is reached on loopback. */
    static String of(String externalAddress) {
        return externalAddress == null || externalAddress.isEmpty() ? "127.0.0.1" : externalAddress;
    }
}
