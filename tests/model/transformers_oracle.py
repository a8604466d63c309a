"""What `transformers` makes of models: written by it for us, or written by us for it.

    transformers_oracle.py write CASES.json FOLDER   random models, with logits and gradients
    transformers_oracle.py read FOLDER...            logits of models that we wrote
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
        expected(model, ids, into, gradients=True)


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


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "read":
    for one in sys.argv[2:]:
        read(one)
else:
    gguf(sys.argv[2], sys.argv[3])
