"""data-designer: one text column over a seed file, as its documentation shows it for a model of one's
own. Calls home, metrics and the health check are off; as many requests as asked for may be in
flight, and the row groups are large enough for them.
"""
import os
import tempfile
from pathlib import Path

import peer

os.environ.update(NEMO_TELEMETRY_ENABLED="false", DATA_DESIGNER_HOME=tempfile.mkdtemp(), HF_HUB_OFFLINE="1",
                  DO_NOT_TRACK="1")

import data_designer.config as dd  # noqa: E402  it reads the environment while it is imported
from data_designer.interface import DataDesigner  # noqa: E402


def ask_all(task):
    provider = dd.ModelProvider(name="loopback", endpoint=task.url, provider_type="openai", api_key="none")
    model = dd.ModelConfig(
        alias="writer", model=task.model, provider="loopback", skip_health_check=True,
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_parallel_requests=task.in_flight, temperature=0.6, top_p=0.9, max_tokens=task.max_tokens))
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    seed = Path(task.out) / "seed.jsonl"
    seed.parent.mkdir(parents=True, exist_ok=True)
    with open(task.documents, encoding="utf-8") as lines:
        seed.write_text("".join(line for line, _ in zip(lines, range(task.requests))), encoding="utf-8")
    builder.with_seed_dataset(dd.LocalFileSeedSource(path=str(seed)))
    builder.add_column(dd.LLMTextColumnConfig(name="thinking", model_alias="writer", prompt="{{ text }}"))
    designer = DataDesigner(artifact_path=Path(task.out) / "artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(
        buffer_size=max(1000, task.in_flight), max_in_flight_tasks=max(1024, 2 * task.in_flight),
        otel_metrics_port=None, disable_early_shutdown=True,
        jinja_rendering_engine=dd.JinjaRenderingEngine.NATIVE))
    results = designer.create(builder, num_records=task.requests, dataset_name="bench")
    return int(results.load_dataset()["thinking"].str.len().gt(0).sum())


if __name__ == "__main__":
    peer.main(ask_all)
