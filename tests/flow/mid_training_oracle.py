"""What a user of Hugging Face has before and does after mid-training.

  mid_training_oracle.py model GGUF FOLDER           writes SmolLM2-135M as a Hugging Face folder
  mid_training_oracle.py checkpoint FOLDER TRAIN     loads and asks it; reads the event files in TRAIN
"""
import os
import sys

import torch
import transformers


def model(file, folder):
    place = {"pretrained_model_name_or_path": os.path.dirname(file), "gguf_file": os.path.basename(file)}
    network = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    # save_pretrained refuses what came from a GGUF file: the same weights in a network made anew.
    del network.config.quantization_config
    fresh = transformers.LlamaForCausalLM(network.config)
    fresh.load_state_dict(network.state_dict())
    fresh.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(**place).save_pretrained(folder)


def checkpoint(folder, train):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = tokenizer("A farmer has 47 sheep and buys 6 more.", return_tensors="pt")
    wrote = network.generate(**asked, max_new_tokens=24, do_sample=False, pad_token_id=0)
    text = tokenizer.decode(wrote[0, asked["input_ids"].shape[1]:])
    assert "question is how many" in text, text
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(train)
    events.Reload()
    tags = events.Tags()["scalars"]
    for part in ("document", "thinking"):
        assert "loss/" + part in tags, tags


if __name__ == "__main__":
    {"model": model, "checkpoint": checkpoint}[sys.argv[1]](*sys.argv[2:])
