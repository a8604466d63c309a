#!/usr/bin/env python3
"""PyTorch on the network that bench/train measures: the peer.

  train_peer.py SETTINGS
  train_peer.py check

SETTINGS is one JSON object: "shape" (vocab_size, hidden_size, num_layers, num_heads, num_kv_heads,
intermediate_size), "module", "compiled", "precision", "threads", "rows", "seq_length". The module is
`lean` (hand-written: fused norm, SDPA, one product for q, k, v and one for gate and up, what a
careful person writes) or `llama` (transformers' LlamaForCausalLM); both with clipping and fused
AdamW, on random rows. It speaks as tpt_train_bench does: warms up, prints one JSON object that says
what network that is, then trains as many seconds as each line of stdin says and prints {"tokens",
"steps", "seconds"}; a line "gemm PRECISION" is answered with {"flops"}, the rate of matrix products.

`check` shows that lean is Llama: with weights that are given to both, loss and gradients are those
of transformers; it fails where they are not.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# As in tpt_train_bench: warm is who did so many steps, or was at it so long after the first one.
WARM_UP_STEPS, WARM_UP_SECONDS = 3, 5.0
BATCHES = 200
SAME_NETWORK = 1e-5  # largest difference of loss and, relative, of gradients
GEMM_SECONDS, GEMM_SIZES, SLOW_FLOPS = 0.25, (256, 768, 2048), 10e9


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width, inner = shape["hidden_size"], shape["intermediate_size"]
        self.heads, self.kv_heads = shape["num_heads"], shape["num_kv_heads"]
        self.size = width // self.heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.qkv = nn.Linear(width, (self.heads + 2 * self.kv_heads) * self.size, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x, cos, sin):
        rows, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(rows, length, -1, self.size).transpose(1, 2)
        query, key, value = qkv.split((self.heads, self.kv_heads, self.kv_heads), dim=1)
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if self.kv_heads != self.heads:  # on a CPU faster than enable_gqa, which leaves the fused kernel
            key = key.repeat_interleave(self.heads // self.kv_heads, 1)
            value = value.repeat_interleave(self.heads // self.kv_heads, 1)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Lean(nn.Module):
    def __init__(self, shape, length):
        super().__init__()
        layers, size = shape["num_layers"], shape["hidden_size"] // shape["num_heads"]
        self.embed = nn.Embedding(shape["vocab_size"], shape["hidden_size"])
        self.blocks = nn.ModuleList(Block(shape) for _ in range(layers))
        self.norm = nn.RMSNorm(shape["hidden_size"], eps=1e-5)
        angle = torch.outer(torch.arange(length), 10000.0 ** (-torch.arange(0, size, 2) / size))
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                is_output = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * layers) ** 0.5 if is_output else 0.02)

    def forward(self, ids, targets):
        x = self.embed(ids)
        cos, sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = F.linear(self.norm(x), self.embed.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.reshape(-1))


class Llama(nn.Module):
    def __init__(self, shape, length):
        super().__init__()
        from transformers import LlamaConfig, LlamaForCausalLM
        self.inner = LlamaForCausalLM(LlamaConfig(
            vocab_size=shape["vocab_size"], hidden_size=shape["hidden_size"],
            num_hidden_layers=shape["num_layers"], num_attention_heads=shape["num_heads"],
            num_key_value_heads=shape["num_kv_heads"], intermediate_size=shape["intermediate_size"],
            tie_word_embeddings=True, use_cache=False, rms_norm_eps=1e-5, max_position_embeddings=length))

    def forward(self, ids, targets):
        logits = self.inner(input_ids=ids).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.reshape(-1))


class Training:
    def __init__(self, settings):
        self.rows, self.length = settings["rows"], settings["seq_length"]
        self.precision = settings["precision"]
        vocab_size = settings["shape"]["vocab_size"]
        torch.manual_seed(1)
        network = {"lean": Lean, "llama": Llama}[settings["module"]](settings["shape"], self.length)
        self.parameters = list(network.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1,
                                           fused=True)
        self.network = torch.compile(network) if settings["compiled"] else network
        self.data = torch.randint(0, vocab_size, (BATCHES * self.rows, self.length + 1))
        self.steps = 0

    def step(self):
        first = self.steps % BATCHES * self.rows
        batch = self.data[first:first + self.rows]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.network(batch[:, :-1], batch[:, 1:])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.steps += 1
        return loss

    def warm_up(self):
        first_loss = self.step().item()
        start = time.perf_counter()
        while self.steps < WARM_UP_STEPS and time.perf_counter() - start < WARM_UP_SECONDS:
            self.step()
        return {"parameters": sum(weight.numel() for weight in self.parameters), "first_loss": first_loss}

    def train(self, seconds):
        start, before = time.perf_counter(), self.steps
        while True:
            self.step()
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                steps = self.steps - before
                return {"tokens": steps * self.rows * self.length, "steps": steps, "seconds": elapsed}


def gemm_flops(precision):
    """The best product of some sizes: FLOP/s. Larger ones are left out where a small one is slow."""
    best, dtype = 0.0, torch.bfloat16 if precision == "bf16" else torch.float32
    for size in GEMM_SIZES:
        left, right = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        end = time.perf_counter() + GEMM_SECONDS
        while True:
            start = time.perf_counter()
            torch.mm(left, right)
            taken = time.perf_counter() - start
            best = max(best, 2 * size ** 3 / taken)
            if start + taken > end:
                break
        if best < SLOW_FLOPS:
            break
    return best


def largest_difference(ours, theirs):
    return max(((a - b).norm() / b.norm()).item() for a, b in zip(ours, theirs, strict=True))


def check():
    shape = {"vocab_size": 320, "hidden_size": 96, "num_layers": 3, "num_heads": 6, "num_kv_heads": 2,
             "intermediate_size": 160}
    torch.manual_seed(2)
    lean, llama = Lean(shape, 64), Llama(shape, 64)
    blocks, layers = lean.blocks, llama.inner.model.layers
    with torch.no_grad():
        for weight in llama.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        lean.embed.weight.copy_(llama.inner.model.embed_tokens.weight)
        lean.norm.weight.copy_(llama.inner.model.norm.weight)
        for block, layer in zip(blocks, layers, strict=True):
            attention, mlp = layer.self_attn, layer.mlp
            for target, sources in (
                    (block.qkv, (attention.q_proj, attention.k_proj, attention.v_proj)), (block.out, (attention.o_proj,)),
                    (block.gate_up, (mlp.gate_proj, mlp.up_proj)), (block.down, (mlp.down_proj,)),
                    (block.norm1, (layer.input_layernorm,)), (block.norm2, (layer.post_attention_layernorm,))):
                target.weight.copy_(torch.cat([source.weight for source in sources]))
    ids = torch.randint(0, shape["vocab_size"], (3, 65))
    losses = [network(ids[:, :-1], ids[:, 1:]) for network in (lean, llama)]
    for loss in losses:
        loss.backward()
    gradients = [
        (lean.embed.weight.grad, llama.inner.model.embed_tokens.weight.grad),
        *((block.out.weight.grad, layer.self_attn.o_proj.weight.grad) for block, layer in zip(blocks, layers)),
        *((block.down.weight.grad, layer.mlp.down_proj.weight.grad) for block, layer in zip(blocks, layers))]
    counts = [sum(weight.numel() for weight in network.parameters()) for network in (lean, llama)]
    return {"loss": abs(losses[0] - losses[1]).item(), "gradients": largest_difference(*zip(*gradients)),
            "parameters": abs(counts[0] - counts[1])}


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    if sys.argv[1] == "check":
        found = check()
        say(found)
        sys.exit(0 if all(difference < SAME_NETWORK for difference in found.values()) else 1)
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    training = Training(settings)
    say(training.warm_up())
    for line in sys.stdin:
        word, *rest = line.split()
        say({"flops": gemm_flops(*rest)} if word == "gemm" else training.train(float(word)))


main()
