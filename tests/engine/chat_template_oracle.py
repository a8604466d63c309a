"""Prints, one JSON list a line, the ids that transformers gives each text as a user's turn.

  chat_template_oracle.py MODEL.gguf TEXTS.json

Tokenizer and chat template are read from the same GGUF file. Prints "missing: ..." where a package
for that is not installed.
"""
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import gguf  # noqa: F401
    import jinja2  # noqa: F401
    from transformers import AutoTokenizer
except ImportError as error:
    print(f"missing: {error}")
    sys.exit(0)

model = Path(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
for text in json.loads(Path(sys.argv[2]).read_text()):
    turns = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    print(json.dumps(tokenizer(rendered, add_special_tokens=False)["input_ids"]))
