"""Asks a mock server as the world's clients do: the openai package and aiohttp.

  mock_clients_oracle.py URL    prints one JSON object of what they made of the answers
"""
import asyncio
import json
import sys

import aiohttp
import openai

URL = sys.argv[1]
PROMPT = [{"role": "user", "content": "Think about Straße, 東京 and \"quotes\"."}]


def with_openai():
    client = openai.OpenAI(base_url=URL, api_key="unused", max_retries=0, timeout=60)
    seen = {"models": [model.id for model in client.models.list()]}
    whole = client.chat.completions.create(model="mock", messages=PROMPT, max_tokens=8192, seed=3)
    text, fields, usage, finish = "", "", None, None
    for event in client.chat.completions.create(model="mock", messages=PROMPT, max_tokens=8192, seed=3, stream=True,
                                                stream_options={"include_usage": True}):
        usage = event.usage or usage
        for choice in event.choices:
            text += choice.delta.content or ""
            fields += getattr(choice.delta, "reasoning_content", None) or ""
            finish = choice.finish_reason or finish
    message = whole.choices[0].message
    seen["whole"] = message.content
    seen["reasoning"] = getattr(message, "reasoning_content", None)
    seen["streams_the_same"] = text == message.content and fields == (seen["reasoning"] or "")
    seen["counts_the_same"] = usage.completion_tokens == whole.usage.completion_tokens
    seen["finish"] = [whole.choices[0].finish_reason, finish]
    seen["plain"] = client.completions.create(model="mock", prompt="Once", max_tokens=4).choices[0].finish_reason
    try:
        client.chat.completions.create(model="other", messages=PROMPT)
    except openai.NotFoundError as error:
        seen["other_model"] = error.status_code
    try:
        client.chat.completions.create(model="mock", messages=PROMPT, max_tokens=10**7)
    except openai.BadRequestError as error:
        seen["too_long"] = str(error)
    return seen


async def with_aiohttp():
    body = {"model": "mock", "messages": PROMPT, "max_tokens": 8192, "seed": 3}
    async with aiohttp.ClientSession() as session:
        async def ask():
            async with session.post(URL + "/chat/completions", json=body) as answer:
                return (await answer.json())["choices"][0]["message"]["content"]
        return await asyncio.gather(*(ask() for _ in range(200)))


seen = with_openai()
seen["aiohttp_the_same"] = set(asyncio.run(with_aiohttp())) == {seen["whole"]}
print(json.dumps(seen))
