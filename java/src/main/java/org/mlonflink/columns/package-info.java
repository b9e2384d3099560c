/**
 * Frames of columns: rows are collected into a frame by {@link org.mlonflink.columns.FrameEncoder} and read in place
 * from one by {@link org.mlonflink.columns.FrameDecoder}, by a layout that was planned in Python. The bytes are drawn
 * in {@code docs/design.md}, "Frames of columns".
 */
package org.mlonflink.columns;
