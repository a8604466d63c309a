"""What `transformers` makes of models: written by it for us, or written by us for it.

    transformers_oracle.py write CASES.json FOLDER   random models, with logits and gradients, and
                                                     in parts, in bf16 and in fp16 below them
    transformers_oracle.py same FOLDER FOLDER...     fails unless two by two are the same model
    transformers_oracle.py read FOLDER...            logits of models that we wrote
    transformers_oracle.py greedy TOKENS FOLDER...   what follows the ids in each folder's ids.safetensors
    transformers_oracle.py refused FOLDER WORD       fails unless the model is refused with this word
    transformers_oracle.py same_gguf FOLDER FILE...  fails unless two by two are the same weights
    transformers_oracle.py gguf FILE FOLDER          a GGUF model dequantised, with logits

Each folder gets expected.safetensors; ids are float32 there, because one type is enough.
"""
import json
import os
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

torch.manual_seed(5)
torch.set_num_threads(1)


def expected(model, ids, folder, gradients):
    model.eval()
    out = model(ids)
    tensors = {"ids": ids.float(), "logits": out.logits.detach().contiguous()}
    if gradients:
        logits = out.logits[:, :-1].reshape(-1, out.logits.shape[-1])
        loss = torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1))
        loss.backward()
        tensors["loss"] = loss.detach().reshape(1)
        for name, parameter in model.named_parameters():
            tensors["grad." + name] = parameter.grad.clone()  # to(bfloat16) below would change it
    with torch.no_grad():
        tensors["logits_bf16"] = model.to(torch.bfloat16)(ids).logits.float().contiguous()
    save_file(tensors, os.path.join(folder, "expected.safetensors"))


def write(cases, folder):
    for name, case in json.load(open(cases)).items():
        kind, shape = case.pop("model_type"), case.pop("ids", [3, 37])
        config = transformers.AutoConfig.for_model(kind, **case)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():  # biases and norms too are to count
                parameter.add_(torch.randn_like(parameter) * 0.1)
        into = os.path.join(folder, name)
        model.save_pretrained(into)
        ids = torch.randint(0, config.vocab_size, shape)
        model.save_pretrained(os.path.join(into, "parts"), max_shard_size="20KB")
        expected(model, ids, into, gradients=True)  # leaves the model in bf16
        model.save_pretrained(os.path.join(into, "bf16"), max_shard_size="20KB")
        model.to(torch.float16).save_pretrained(os.path.join(into, "f16"))


def same(one, other):
    models = [transformers.AutoModelForCausalLM.from_pretrained(folder) for folder in (one, other)]
    states = [model.state_dict() for model in models]
    assert list(states[0]) == list(states[1]), (one, other)
    for name, tensor in states[0].items():
        assert tensor.dtype == states[1][name].dtype and tensor.equal(states[1][name]), (one, other, name)
    ids = torch.arange(0, 40).reshape(2, 20) * 7 % models[0].config.vocab_size
    assert models[0](ids).logits.equal(models[1](ids).logits), (one, other)


def read(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = load_file(os.path.join(folder, "ids.safetensors"))["ids"].long()
    expected(model, ids, folder, gradients=False)


def gguf(file, folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        os.path.dirname(file), gguf_file=os.path.basename(file), dtype=torch.float32)
    # save_pretrained refuses what came from a GGUF file.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config.save_pretrained(folder)
    weights = {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}
    save_file(weights, os.path.join(folder, "model.safetensors"))
    ids = torch.randint(0, model.config.vocab_size, (1, 48))
    expected(model, ids, folder, gradients=False)


def greedy(tokens, folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = load_file(os.path.join(folder, "ids.safetensors"))["ids"].long()
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens,
                         do_sample=False, eos_token_id=None, pad_token_id=0)
    save_file({"ids": out[:, ids.shape[1]:].float()}, os.path.join(folder, "greedy.safetensors"))


def same_gguf(folder, file):
    ours = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        os.path.dirname(file), gguf_file=os.path.basename(file), dtype=torch.float32)
    wanted, got = ours.state_dict(), theirs.state_dict()
    assert set(wanted) == set(got), (folder, set(wanted) ^ set(got))
    for name, tensor in wanted.items():
        assert tensor.equal(got[name]), (folder, name)


def refused(folder, word):
    try:
        transformers.AutoModelForCausalLM.from_pretrained(folder)
    except Exception as problem:
        assert word in str(problem), problem
    else:
        raise AssertionError("nothing was refused")


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "read":
    for one in sys.argv[2:]:
        read(one)
elif sys.argv[1] == "greedy":
    for one in sys.argv[3:]:
        greedy(int(sys.argv[2]), one)
elif sys.argv[1] == "same_gguf":
    for one, other in zip(sys.argv[2::2], sys.argv[3::2]):
        same_gguf(one, other)
elif sys.argv[1] == "refused":
    refused(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "same":
    for one, other in zip(sys.argv[2::2], sys.argv[3::2]):
        same(one, other)
else:
    gguf(sys.argv[2], sys.argv[3])
