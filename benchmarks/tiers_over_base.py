"""Time of an FT or TS epoch over that of a Base epoch: what message passing costs.

    python -m benchmarks.tiers_over_base --models dcnv2 --layers 1 2 3

FT and TS take the same steps (LightGCN from other starting weights), so one arm stands for both.
"""

import statistics

import torch

from benchmarks.common import PEER_SIZES, parser, rate, ratio, report, take_turns, trainer, workload
from ctrnb.training.loop import Trainer


def steps(engine: Trainer, count: int) -> None:
    """Take the first ``count`` steps of an epoch."""
    user, item, label = (part.split(engine.config.batch_size) for part in engine.train.shuffled(engine.generator))
    engine.network.train()
    for number in range(min(count, len(label))):
        engine.step(user[number], item[number], label[number])


def main() -> None:
    options = parser(__doc__ or "", "tiers")
    options.add_argument("--models", nargs="+", default=["dcnv2"], choices=list(PEER_SIZES))
    options.add_argument("--layers", nargs="+", type=int, default=[1, 2, 3])
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    encoded = workload(given.dataset, given.k)  # whole: the graph must be the whole one
    samples = len(encoded.rows("train"))
    batches = 20
    found = []
    for model in given.models:
        engines = {"base": trainer(encoded, model, device=given.device)} | {
            f"L={layers}": trainer(encoded, model, "ts", device=given.device, overrides={"encoder.layers": layers})
            for layers in given.layers
        }
        arms = {
            name: (lambda engine=engine: rate(batches, lambda: steps(engine, batches), given.device))
            for name, engine in engines.items()
        }
        values = take_turns(arms, given.rounds)
        for layers in given.layers:
            found.append(
                {
                    "model": model,
                    "layers": layers,
                    "base_steps_per_second": statistics.median(values["base"]),
                    "graph_steps_per_second": statistics.median(values[f"L={layers}"]),
                    **ratio("epoch_over_base_epoch", values, "base", f"L={layers}"),
                    "edges": samples,
                    "rounds": given.rounds,
                }
            )
    report(found, given)


if __name__ == "__main__":
    main()
