"""Conversations as transformers' chat templates write them.

  chat_oracle.py chatml|llama3 SMOLLM2.gguf FOLDER

Writes FOLDER/tokenizer.json and FOLDER/conversations.json: [{"messages", "ids"}]. chatml is the model's
own template, llama3 the one that is published with Llama 3, on the same vocabulary cut as Llama 3 cuts.
"""
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"

LLAMA3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = '<|begin_of_text|>' + content %}{% endif %}{{ content }}{% endfor %}")
LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                  r"\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_TOKENS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


def turn(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = [
    [turn("system", "You count."), turn("user", "1, 2,"), turn("assistant", "3.")],
    [turn("system", "x"), turn("user", "Größe 8 € und 日本語\n\n  zwei"), turn("assistant", "ja\n\tnein  "),
     turn("user", "noch\n"), turn("assistant", "12345 + 6 = 12351\n\n")],
    [turn("system", " spaced "), turn("user", "  two before"), turn("assistant", "a")],
    [turn("system", "s"), turn("user", "u"), turn("assistant", "a"), turn("tool", "{\"x\": 1}"), turn("assistant", "b"),
     turn("user", "open")],
    [turn("system", ""), turn("user", "def f(x):\n    return x\n"), turn("assistant", "```python\nf(1)\n```")],
]


def main():
    layout, model, folder = sys.argv[1:]
    from tokenizers import Regex, pre_tokenizers as pre
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(model), gguf_file=os.path.basename(model))
    # transformers leaves out that SmolLM2 takes digits one by one.
    tokenizer.backend_tokenizer.pre_tokenizer = pre.Sequence(
        [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False, use_regex=True)])
    template = None
    if layout == "llama3":
        tokenizer.add_special_tokens({"additional_special_tokens": LLAMA3_TOKENS})
        tokenizer.backend_tokenizer.pre_tokenizer = pre.Sequence(
            [pre.Split(Regex(LLAMA3_PATTERN), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
        template = LLAMA3
    tokenizer.backend_tokenizer.save(os.path.join(folder, "tokenizer.json"))
    result = []
    for messages in CONVERSATIONS:
        text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
        # What a template puts behind the last turn nobody learns from.
        ids = tokenizer.backend_tokenizer.encode(text.rstrip("\n") if layout == "chatml" else text,
                                                 add_special_tokens=False).ids
        result.append({"messages": messages, "ids": ids})
    with open(os.path.join(folder, "conversations.json"), "w") as out:
        json.dump(result, out)


main()
