"""Ids by Hugging Face's tokenizers, with the names of special tokens treated as text.

  tokenizers_oracle.py ids TOKENIZER OUT INPUT...   documents of .jsonl(.gz) ("text") and .txt(.gz)
  tokenizers_oracle.py json TOKENIZER OUT           writes the tokenizer.json it uses
  tokenizers_oracle.py speed TOKENIZER INPUT...     prints MB per second of processor time on one thread

TOKENIZER: a tokenizer.json, a folder for transformers, or a .gguf that is cut like SmolLM2.
OUT of ids: for each document u32 bytes, the text, u32 n, n x i32.
"""
import gzip
import json
import os
import struct
import sys
import time
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("RAYON_NUM_THREADS", "2")


def load(spec):
    from tokenizers import Tokenizer
    if spec.endswith(".json"):
        tokenizer = Tokenizer.from_file(spec)
    else:
        from transformers import AutoTokenizer
        if spec.endswith(".gguf"):
            loaded = AutoTokenizer.from_pretrained(os.path.dirname(spec), gguf_file=os.path.basename(spec))
            tokenizer = loaded.backend_tokenizer
            # transformers leaves out that SmolLM2 takes digits one by one.
            from tokenizers import pre_tokenizers as pre
            tokenizer.pre_tokenizer = pre.Sequence(
                [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False, use_regex=True)])
        else:
            tokenizer = AutoTokenizer.from_pretrained(spec).backend_tokenizer
    tokenizer.encode_special_tokens = True
    return tokenizer


def texts(paths):
    for path in paths:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            if ".jsonl" in path:
                for line in file:
                    yield json.loads(line)["text"]
            else:
                yield file.read()


def main():
    verb, spec = sys.argv[1:3]
    tokenizer = load(spec)
    if verb == "json":
        tokenizer.save(sys.argv[3])
    elif verb == "ids":
        documents = list(texts(sys.argv[4:]))
        with open(sys.argv[3], "wb") as out:
            for at in range(0, len(documents), 256):
                batch = documents[at:at + 256]
                for text, encoded in zip(batch, tokenizer.encode_batch_fast(batch, add_special_tokens=False)):
                    data, ids = text.encode(), encoded.ids
                    out.write(struct.pack("<I", len(data)) + data)
                    out.write(struct.pack(f"<I{len(ids)}i", len(ids), *ids))
    else:
        documents = list(texts(sys.argv[3:]))
        started = time.process_time()
        for text in documents:
            tokenizer.encode(text, add_special_tokens=False)
        print(sum(len(t.encode()) for t in documents) / 1e6 / (time.process_time() - started))


main()
