"""Runs in MLflow's own environment: prints the spans of an experiment as MLflow's client reads them.

python traces_of.py TRACKING_URI EXPERIMENT_ID
"""

import json
import sys

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
found = mlflow.search_traces(locations=[sys.argv[2]], return_type="list")
print(
    json.dumps(
        [
            {
                "trace": trace.info.trace_id,
                "name": span.name,
                "id": span.span_id,
                "parent": span.parent_id,
                "status": str(span.status.status_code),
                "attributes": span.attributes,
            }
            for trace in found
            for span in trace.data.spans
        ]
    )
)
