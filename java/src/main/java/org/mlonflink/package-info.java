/** The JVM end of ml-on-flink: byte queue, columns, and the operators that start and guard processes. */
package org.mlonflink;
