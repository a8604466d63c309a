"""bespokelabs-curator: LLM() over its OpenAI backend, as its documentation sets it up for a server of
one's own. Rate limits are lifted out of the way, the live table and all calls home are off, and
finish_reason "length" counts as an answer (by default it would be paid for ten times over).

Its token counts need cl100k_base.tiktoken: TIKTOKEN_CACHE_DIR holds it under the name tiktoken gives.
"""
import os

import peer

os.environ.update(TELEMETRY_ENABLED="false", CURATOR_DISABLE_RICH_DISPLAY="1", CURATOR_VIEWER="0",
                  LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1",
                  DO_NOT_TRACK="1")


from bespokelabs import curator  # noqa: E402  it reads the environment while it is imported


def ask_all(task):
    model = curator.LLM(
        model_name=task.model, backend="openai",
        backend_params={"base_url": task.url, "api_key": "none", "max_requests_per_minute": 10_000_000,
                        "max_tokens_per_minute": 10_000_000_000, "max_concurrent_requests": task.in_flight,
                        "invalid_finish_reasons": ["content_filter"]},
        generation_params={"temperature": 0.6, "top_p": 0.9, "max_tokens": task.max_tokens})
    answered = model(list(peer.texts(task)), working_dir=task.out)
    return sum(1 for row in answered.dataset if row["response"])


if __name__ == "__main__":
    peer.main(ask_all)
