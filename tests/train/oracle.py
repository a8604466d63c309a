"""What torch and transformers say: the oracle of the trainer's tests. Prints JSON.

  oracle.py schedules              rates of transformers' schedules for the jobs on stdin
  oracle.py adamw                  parameters after torch.optim.AdamW for the job on stdin
  oracle.py muon                   the same with torch.optim.Muon for the job's matrices
  oracle.py events FOLDER          the scalars that TensorBoard reads in a folder
  oracle.py train CHECKPOINT OUT   trains LlamaForCausalLM on the job's rows, saves to OUT
  oracle.py loss CHECKPOINT        mean loss of the job's rows and labels (-100: no loss)
  oracle.py load CHECKPOINT TEXT   what AutoTokenizer and AutoModelForCausalLM make of the folder
  oracle.py chat CHECKPOINT        ids of the turns on stdin by the folder's template, the answer's among them, and what
                                   the model says in its place
"""
import json
import sys

import torch


def rates(job):
    from transformers import (get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup,
                              get_linear_schedule_with_warmup, get_wsd_schedule)
    # Ours leaves out their first step, whose rate is 0: everything is one step later there.
    warmup, total = job["warmup_steps"] + 1, job["total_steps"] + 1
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=job["learning_rate"])
    if job["schedule"] == "constant":
        schedule = get_constant_schedule_with_warmup(optimizer, warmup)
    elif job["schedule"] == "cosine":
        schedule = get_cosine_schedule_with_warmup(optimizer, warmup, total)
    elif job["schedule"] == "linear":
        schedule = get_linear_schedule_with_warmup(optimizer, warmup, total)
    else:
        schedule = get_wsd_schedule(optimizer, warmup, job["decay_steps"], num_training_steps=total,
                                    decay_type="linear", min_lr_ratio=job["final_share"])
    result = []
    for _ in range(job["total_steps"]):
        optimizer.step()
        schedule.step()
        result.append(schedule.get_last_lr()[0])
    return result


def adamw(job):
    parameters = {name: torch.tensor(value, dtype=torch.float32, requires_grad=True)
                  for name, value in job["parameters"].items()}
    groups = [{"params": [parameters[name] for name in job["decayed"]], "weight_decay": job["weight_decay"]},
              {"params": [p for name, p in parameters.items() if name not in job["decayed"]],
               "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(job["beta1"], job["beta2"]), eps=job["epsilon"])
    norms = []
    for rate, gradients in zip(job["rates"], job["gradients"]):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, value in gradients.items():
            parameters[name].grad = torch.tensor(value, dtype=torch.float32)
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), job["clip"]).item())
        optimizer.step()
    return {"norms": norms, "parameters": {name: p.tolist() for name, p in parameters.items()}}


def muon(job):
    parameters = {name: torch.tensor(value, dtype=torch.float32, requires_grad=True)
                  for name, value in job["parameters"].items()}
    matrices = torch.optim.Muon([parameters[name] for name in job["matrices"]], lr=0.0,
                                weight_decay=job["weight_decay"], momentum=job["momentum"],
                                adjust_lr_fn="match_rms_adamw")
    others = torch.optim.AdamW([p for name, p in parameters.items() if name not in job["matrices"]], lr=0.0,
                               betas=(job["beta1"], job["beta2"]), eps=job["epsilon"], weight_decay=0.0)
    for rate, gradients in zip(job["rates"], job["gradients"]):
        for group in matrices.param_groups + others.param_groups:
            group["lr"] = rate
        for name, value in gradients.items():
            parameters[name].grad = torch.tensor(value, dtype=torch.float32)
        torch.nn.utils.clip_grad_norm_(parameters.values(), job["clip"])
        matrices.step()
        others.step()
    return {"parameters": {name: p.tolist() for name, p in parameters.items()}}


def events(_, folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    accumulator = EventAccumulator(folder)
    accumulator.Reload()
    return {tag: [[event.step, event.value] for event in accumulator.Scalars(tag)]
            for tag in accumulator.Tags()["scalars"]}


def train(job, checkpoint, out):
    from transformers import LlamaForCausalLM
    model = LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    model.train()
    named = dict(model.named_parameters())
    decayed = [p for name, p in named.items() if p.dim() >= 2 and "embed_tokens" not in name]
    others = [p for name, p in named.items() if p.dim() < 2 or "embed_tokens" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": job["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        betas=(job["beta1"], job["beta2"]), eps=job["epsilon"])
    losses, norms = [], []
    for rate, rows in zip(job["rates"], job["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids = torch.tensor(rows)
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), job["clip"]).item())
        optimizer.step()
        losses.append(loss.item())
    model.save_pretrained(out)
    return {"losses": losses, "norms": norms}


def loss(job, checkpoint):
    from transformers import LlamaForCausalLM
    model = LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    ids, labels = torch.tensor(job["ids"]), torch.tensor(job["labels"])
    return {"loss": model(input_ids=ids, labels=labels).loss.item()}


def load(_, checkpoint, text):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    return {"ids": tokenizer(text)["input_ids"], "eos": tokenizer.eos_token,
            "generation_eos": model.generation_config.eos_token_id,
            "parameters": sum(p.numel() for p in model.parameters())}


def chat(messages, checkpoint):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    end = tokenizer.convert_tokens_to_ids(tokenizer.eos_token)

    def ids_of(turns, **options):
        return tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **options)["input_ids"]
    whole = ids_of(messages)
    prompt = ids_of(messages[:-1], add_generation_prompt=True)
    made = model.generate(torch.tensor([prompt]), max_new_tokens=40)[0].tolist()
    return {"ids": whole, "answer": whole[len(prompt):whole.index(end, len(prompt)) + 1], "generated": made[len(prompt):]}


def main():
    torch.set_num_threads(1)
    verbs = {"schedules": lambda jobs: [rates(job) for job in jobs], "adamw": adamw, "muon": muon, "events": events, "train": train, "loss": loss, "load": load, "chat": chat}
    print(json.dumps(verbs[sys.argv[1]](json.load(sys.stdin), *sys.argv[2:])))


main()
