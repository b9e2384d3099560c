package org.mlonflink.sql;

import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.factories.FactoryUtil.ModelProviderFactoryHelper;
import org.apache.flink.table.factories.ModelProviderFactory;
import org.apache.flink.table.functions.AsyncPredictFunction;
import org.apache.flink.table.ml.AsyncPredictRuntimeProvider;
import org.apache.flink.table.ml.ModelProvider;

/** The provider {@code 'ml-on-flink'} of models, which Flink finds by its name. */
public final class ModelFactory implements ModelProviderFactory {
    @Override
    public String factoryIdentifier() {
        return "ml-on-flink";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return ModelOptions.REQUIRED;
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return ModelOptions.optional();
    }

    @Override
    public ModelProvider createModelProvider(Context context) {
        ModelProviderFactoryHelper helper = FactoryUtil.createModelProviderFactoryHelper(this, context);
        helper.validate();
        String name = context.getObjectIdentifier().getObjectName();
        return new LocalModel(new ModelPlanner(name, helper.getOptions(), context.getConfiguration())
                .plan(context.getCatalogModel()));
    }

    private record LocalModel(ModelSettings settings) implements AsyncPredictRuntimeProvider {
        @Override
        public AsyncPredictFunction createAsyncPredictFunction(Context context) {
            return new ModelFunction(settings);
        }

        @Override
        public ModelProvider copy() {
            return this;
        }
    }
}
