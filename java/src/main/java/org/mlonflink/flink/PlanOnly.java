package org.mlonflink.flink;

import java.util.Map;
import org.apache.flink.client.program.ProgramAbortException;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;

/**
 * Has programs of this JVM plan their jobs and submit none: every way to run a job, the Table API's too, ends in one
 * method of the environment, which here ends the program instead.
 *
 * <p>Flink's own {@code StreamPlanEnvironment} does that for a program that makes one environment, and loses the options
 * that the program makes it with.
 */
public final class PlanOnly {
    private volatile String job;

    /** From now on programs get environments that submit nothing; `options` say where they would run. */
    public void begin(Map<String, String> options) {
        Environment.begin(this, Configuration.fromMap(options));
    }

    /** Programs get their usual environments again. */
    public void end() {
        Environment.end();
    }

    /** The name of the job that a program was about to submit, null if none was. */
    public String job() {
        return job;
    }

    /** Public for the gateway, which calls its methods. */
    @SuppressWarnings("try") // of close(), which the base class has
    public static final class Environment extends StreamExecutionEnvironment {
        private final transient PlanOnly plan;

        private Environment(PlanOnly plan, Configuration options) {
            super(options);
            this.plan = plan;
        }

        private static void begin(PlanOnly plan, Configuration options) {
            initializeContextEnvironment(given -> {
                Configuration all = new Configuration();
                all.set(CoreOptions.DEFAULT_PARALLELISM, getDefaultLocalParallelism());
                all.addAll(given);
                all.addAll(options);
                return new Environment(plan, all);
            });
        }

        private static void end() {
            resetContextEnvironment();
        }

        @Override
        public JobClient executeAsync(StreamGraph graph) {
            plan.job = graph.getJobName();
            throw new ProgramAbortException();
        }
    }
}
