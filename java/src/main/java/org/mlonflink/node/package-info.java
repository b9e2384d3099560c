/**
 * A node as this JVM sees it: the Python process that it starts and guards, the folder with the two byte queues between
 * them, and the way of rows into the process. Nothing here knows whether an operator or a function of SQL owns the node.
 */
package org.mlonflink.node;
