#!/usr/bin/env python3
"""PyTorch eager on the lab's model: the peer of bench/train.

  train_peer.py WHICH PRECISION THREADS ROWS SEQ_LENGTH SECONDS

WHICH is `lean` (a hand-written module: fused norm, SDPA, one product for q, k, v and one for gate and
up, fused AdamW, what a careful person writes) or `llama` (transformers' LlamaForCausalLM). Trains on
random rows, warms up, and prints tokens a second of batch, forward, loss, backward, clip and step.
"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, WIDTH, LAYERS, HEADS, INNER = 272, 128, 3, 4, 352


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH, eps=1e-5), nn.RMSNorm(WIDTH, eps=1e-5)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate_up = nn.Linear(WIDTH, 2 * INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        qkv = self.qkv(self.norm1(x)).view(rows, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        query, key = rotate(qkv[0], cos, sin), rotate(qkv[1], cos, sin)
        mixed = F.scaled_dot_product_attention(query, key, qkv[2], is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, WIDTH))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Lean(nn.Module):
    def __init__(self, length):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH, eps=1e-5)
        size = WIDTH // HEADS
        angle = torch.outer(torch.arange(length), 10000.0 ** (-torch.arange(0, size, 2) / size))
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, ids, targets):
        x = self.embed(ids)
        cos, sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = F.linear(self.norm(x), self.embed.weight)
        return F.cross_entropy(logits.view(-1, VOCAB).float(), targets.reshape(-1))


class Llama(nn.Module):
    def __init__(self, length):
        super().__init__()
        from transformers import LlamaConfig, LlamaForCausalLM
        self.inner = LlamaForCausalLM(LlamaConfig(
            vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
            intermediate_size=INNER, tie_word_embeddings=True, use_cache=False,
            max_position_embeddings=length))

    def forward(self, ids, targets):
        logits = self.inner(input_ids=ids).logits
        return F.cross_entropy(logits.view(-1, VOCAB).float(), targets.reshape(-1))


def main():
    which, precision = sys.argv[1:3]
    threads, rows, length = map(int, sys.argv[3:6])
    seconds = float(sys.argv[6])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    network = {"lean": Lean, "llama": Llama}[which](length)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=True)
    data = torch.randint(0, 256, (200 * rows, length + 1))

    def step(number):
        batch = data[(number % 200) * rows:(number % 200 + 1) * rows]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = network(batch[:, :-1], batch[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    for number in range(3):
        step(number)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        step(steps)
        steps += 1
    print(steps * rows * length / (time.perf_counter() - start))


main()
