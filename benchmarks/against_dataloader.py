"""Samples a second of training: this engine against a plain PyTorch loop over a DataLoader, on the same network.

    python -m benchmarks.against_dataloader --models dcnv2 gdcnp

The plain loop is the one that tutorials show: TensorDataset, DataLoader with shuffling, AdamW as it comes, the L2 penalty
in the loss, the loss read after every step. ``--seeds 5`` lets the engine train that many runs as one and counts the
samples of all of them.
"""

import statistics
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import PEER_SIZES, parser, rate, ratio, report, stack, take_turns, trainer, workload
from ctrnb.data import Encoded


def plain_loop(encoded: Encoded, model: str, tier: str, device: str) -> Callable[[], None]:
    """Return a function that trains one epoch by the plain loop."""
    ours = trainer(encoded, model, tier, device=device)
    network, config = ours.network, ours.config
    rows = encoded.rows("train")
    columns = (torch.from_numpy(values[rows]) for values in (encoded.user, encoded.item, encoded.label))
    loader = DataLoader(TensorDataset(*columns), batch_size=config.batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0)
    tables = network.embedding_parameters()

    def epoch() -> None:
        network.train()
        for user, item, label in loader:
            user, item, label = user.to(ours.device), item.to(ours.device), label.to(ours.device)
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(network(user, item), label)
            loss = loss + config.l2_embedding * sum(table.square().sum() for table in tables)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.grad_clip)
            optimizer.step()
            loss.item()

    return epoch


def main() -> None:
    options = parser(__doc__ or "", "dataloader")
    options.add_argument("--models", nargs="+", default=["dcnv2"], choices=list(PEER_SIZES))
    options.add_argument("--tier", default="base", choices=["base", "ts"])
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--rows", type=int, default=40 * 4096, help="training interactions of a turn")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    encoded = workload(given.dataset, given.k, given.rows)
    samples = len(encoded.rows("train"))
    found = []
    for model in given.models:
        plain = plain_loop(encoded, model, given.tier, given.device)
        engine = (
            trainer(encoded, model, given.tier, device=given.device)
            if given.seeds == 1
            else stack(encoded, model, given.tier, seeds=range(given.seeds), device=given.device)
        )
        arms = {
            "dataloader": lambda plain=plain: rate(samples, plain, given.device),
            "ctrnb": lambda engine=engine: rate(given.seeds * samples, engine.epoch, given.device),
        }
        values = take_turns(arms, given.rounds)
        found.append(
            {
                "model": model,
                "tier": given.tier,
                "seeds": given.seeds,
                **{f"{name}_samples_per_second": statistics.median(each) for name, each in values.items()},
                **ratio("ratio", values, "ctrnb", "dataloader"),
                "rounds": given.rounds,
                "samples": samples,
            }
        )
    report(found, given)


if __name__ == "__main__":
    main()
