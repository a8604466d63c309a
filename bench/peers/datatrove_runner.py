"""datatrove: an InferenceRunner with checkpoints, as its examples set it up, over the endpoint. Its
own executor, one task, so that it uses the one processor that all sides get.
"""
import glob
import os
import sys

import peer

os.environ.update(HF_HUB_OFFLINE="1", DO_NOT_TRACK="1")

from datatrove.executor import LocalPipelineExecutor  # noqa: E402
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner  # noqa: E402
from datatrove.pipeline.readers import JsonlReader  # noqa: E402
from datatrove.pipeline.writers import JsonlWriter  # noqa: E402
from loguru import logger  # noqa: E402

CHECKPOINTED = "${rank}_chunk_${chunk_index}.jsonl"


async def rollout(document, generate):
    """What one document is asked: the prompt is the document's text."""
    answer = await generate({"messages": [{"role": "user", "content": document.text}]})
    return {"text": answer.text, "finish_reason": answer.finish_reason, "usage": answer.usage}


def ask_all(task):
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    config = InferenceConfig(
        # It puts /v1 behind the URL itself.
        server_type="endpoint", endpoint_url=task.url.removesuffix("/v1"), model_name_or_path=task.model,
        max_concurrent_generations=task.in_flight, metric_interval=3600,
        default_generation_params={"temperature": 0.6, "top_p": 0.9, "max_tokens": task.max_tokens})
    runner = InferenceRunner(
        rollout, config, checkpoints_local_dir=f"{task.out}/checkpoints", records_per_chunk=500,
        output_writer=JsonlWriter(f"{task.out}/rows", output_filename=CHECKPOINTED, compression=None))
    reader = JsonlReader(os.path.dirname(task.documents), glob_pattern=os.path.basename(task.documents),
                         limit=task.requests)
    LocalPipelineExecutor(pipeline=[reader, runner], logging_dir=f"{task.out}/logs", tasks=1, workers=1).run()
    return sum(sum(1 for _ in open(path, "rb")) for path in glob.glob(f"{task.out}/rows/*.jsonl"))


if __name__ == "__main__":
    peer.main(ask_all)
