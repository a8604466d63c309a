"""The bare loop that a good Python programmer writes: one session, a limit of connections, every
answer read and parsed, nothing stored. Its figure is what Python's own client can do.
"""
import asyncio
import json

import aiohttp

import peer


async def ask_all(task):
    # The connector alone would queue inside the pool; as many workers as may be in flight is quicker.
    documents = iter(peer.texts(task))
    connector = aiohttp.TCPConnector(limit=task.in_flight, keepalive_timeout=60)
    answers = 0

    async def work(session):
        nonlocal answers
        for text in documents:
            body = {"model": task.model, "messages": [{"role": "user", "content": text}],
                    "max_tokens": task.max_tokens, "temperature": 0.6, "top_p": 0.9}
            async with session.post(f"{task.url}/chat/completions", json=body) as response:
                answer = json.loads(await response.read())
                if response.status != 200 or not answer["choices"][0]["message"]["content"]:
                    raise SystemExit(f"answered {response.status}: {answer}")
                answers += 1

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(work(session) for _ in range(min(task.in_flight, task.requests))))
    return answers


if __name__ == "__main__":
    peer.main(lambda task: asyncio.run(ask_all(task)))
