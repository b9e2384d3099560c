package org.mlonflink.flink;

import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.metrics.scope.ScopeFormat;

/** Names what belongs together among the tasks of a JVM. */
final class Executions {
    private Executions() {}

    /**
     * The execution graph that the task of these metrics belongs to, and which attempt it is: the same for all that are
     * deployed together, and for nobody else. Attempts alone are counted anew by each JobManager.
     */
    static String of(MetricGroup metrics) {
        String graphVertexAttempt = metrics.getAllVariables().get(ScopeFormat.SCOPE_TASK_ATTEMPT_ID);
        String graph = graphVertexAttempt.substring(0, graphVertexAttempt.indexOf('_'));
        return graph + "#" + metrics.getAllVariables().get(ScopeFormat.SCOPE_TASK_ATTEMPT_NUM);
    }
}
