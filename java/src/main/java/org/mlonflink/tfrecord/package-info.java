/**
 * TFRecord files, plain and gzip-compressed, as Flink sources and sinks of byte arrays.
 *
 * <p>A file is a run of records, every integer little-endian, a checksum being a {@linkplain
 * org.mlonflink.tfrecord.Checksum masked CRC-32C}:
 *
 * <pre>
 * 0        8  length of the data, in bytes
 * 8        4  checksum of these eight bytes
 * 12       n  data
 * 12 + n   4  checksum of the data
 * </pre>
 *
 * A compressed file is such a run in one or more gzip members.
 */
package org.mlonflink.tfrecord;
