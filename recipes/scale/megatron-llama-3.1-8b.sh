#!/usr/bin/env bash
# Megatron-LM on shards of tpt: Llama-3.1-8B goes on from a checkpoint, with the paper's batch and learning rate.
#
#   recipes/scale/megatron-llama-3.1-8b.sh SHARDS CHECKPOINT OUT [arguments of pretrain_gpt.py]
#
# Run in the root of Megatron-LM. SHARDS is what `tpt pack` wrote with the tokenizer of the model, CHECKPOINT a Megatron
# checkpoint (docs/scale.md: how one is made from a Hugging Face folder). PRINT=1 prints the command and runs nothing.
set -euo pipefail
if [[ $# -lt 3 ]]; then
  echo "usage: megatron-llama-3.1-8b.sh SHARDS CHECKPOINT OUT [arguments of pretrain_gpt.py]" >&2
  exit 2
fi
shards=$1 checkpoint=$2 out=$3
shift 3
if [[ ! -f $shards/shard.json ]]; then
  echo "$shards: no shard.json: not the finished shards of tpt pack" >&2
  exit 2
fi

launch=(torchrun --nproc-per-node "${GPUS:-8}" --nnodes "${NODES:-1}" --node-rank "${NODE_RANK:-0}"
        --master-addr "${MASTER_ADDR:-localhost}" --master-port "${MASTER_PORT:-29500}")

# The prefix, not the folder. Every document of the corpus trains: nothing is split off for validation; give held-out
# shards with --valid-data-path in place of --split where their loss is wanted.
data=(--data-path "$shards/tpt_text_document"
      --tokenizer-type HuggingFaceTokenizer --tokenizer-model "$shards"
      --split 100,0,0 --seq-length 8192 --data-cache-path "$out/data-cache" --seed 1)
# Documents apart, as far as Megatron can (docs/scale.md says how far). Without these three it attends across them.
apart=(--reset-position-ids --reset-attention-mask --attention-backend unfused)
[[ ${ACROSS_DOCUMENTS:-0} == 1 ]] && apart=()

model=(--use-checkpoint-args --use-mcore-models --load "$checkpoint" --finetune --no-load-optim --no-load-rng
       --num-layers 32 --hidden-size 4096 --ffn-hidden-size 14336 --num-attention-heads 32
       --group-query-attention --num-query-groups 8 --kv-channels 128 --max-position-embeddings 131072
       --position-embedding-type rope --rotary-base 500000 --use-rope-scaling --rope-scaling-factor 8
       --normalization RMSNorm --norm-epsilon 1e-5 --swiglu --disable-bias-linear
       --untie-embeddings-and-output-weights --attention-dropout 0 --hidden-dropout 0)

# 8 M tokens a step, 100 B in all: 12,288 steps of 1,024 rows.
training=(--micro-batch-size 1 --global-batch-size 1024 --train-iters 12288
          --lr 3e-5 --min-lr 0 --lr-decay-style cosine --lr-warmup-iters 100
          --weight-decay 0.1 --adam-beta1 0.9 --adam-beta2 0.95 --clip-grad 0.3
          --bf16 --use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather
          --recompute-activations)

records=(--save "$out" --save-interval 500 --ckpt-format torch_dist --log-interval 10 --log-throughput
         --tensorboard-dir "$out/tensorboard" --eval-iters 0)

command=("${launch[@]}" pretrain_gpt.py "${data[@]}" "${apart[@]}" "${model[@]}" "${training[@]}" "${records[@]}" "$@")
if [[ ${PRINT:-0} == 1 ]]; then
  printf '%q ' "${command[@]}"
  echo
  exit 0
fi
mkdir -p "$out/data-cache"
exec "${command[@]}"
