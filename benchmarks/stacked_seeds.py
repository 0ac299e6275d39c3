"""Several seeds trained as one against the same seeds one after the other, and against one seed.

python -m benchmarks.stacked_seeds --models dcnv2 --seeds 5
"""

import statistics

import torch

from benchmarks.common import PEER_SIZES, parser, rate, ratio, report, stack, take_turns, trainer, workload


def main() -> None:
    options = parser(__doc__ or "", "stacked")
    options.add_argument("--models", nargs="+", default=["dcnv2"], choices=list(PEER_SIZES))
    options.add_argument("--tiers", nargs="+", default=["base", "ts"], choices=["base", "ts"])
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--rows", type=int, default=10 * 4096, help="training interactions of a turn")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    encoded = workload(given.dataset, given.k, given.rows)
    samples = len(encoded.rows("train"))
    found = []
    for model in given.models:
        for tier in given.tiers:
            alone = [trainer(encoded, model, tier, device=given.device, seed=seed) for seed in range(given.seeds)]
            together = stack(encoded, model, tier, seeds=range(given.seeds), device=given.device)

            def one_by_one(alone: list = alone) -> None:
                for engine in alone:
                    engine.epoch()

            arms = {
                "one": lambda alone=alone: rate(1, alone[0].epoch, given.device),
                "one_by_one": lambda run=one_by_one: rate(1, run, given.device),
                "stacked": lambda together=together: rate(1, together.epoch, given.device),
            }
            values = take_turns(arms, given.rounds)
            found.append(
                {
                    "model": model,
                    "tier": tier,
                    "seeds": given.seeds,
                    **{f"{name}_seconds": 1 / statistics.median(each) for name, each in values.items()},
                    **ratio("stacked_over_one", values, "one", "stacked"),
                    **ratio("speedup_over_one_by_one", values, "stacked", "one_by_one"),
                    "samples": samples,
                    "rounds": given.rounds,
                }
            )
    report(found, given)


if __name__ == "__main__":
    main()
