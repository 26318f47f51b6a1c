"""Full simulation of the events of a produced sample a second time, with other random numbers in the detector.

    python benchmarks/refiner_full_again.py --process t1tttt --seed 1 --shards 4 --output /tmp/again

The same generator events and pile-up as `flashbench samples make`, so its files pair with the sample's `full` tier:
`flashbench train refined --full-again '/tmp/again/*.root'` takes the floor of every loss from them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import awkward as ak

from flashbench.events import Tier
from flashbench.nanoaod import write_events
from flashbench.production.assemble import block
from flashbench.production.cache import SHARD_EVENTS, cache_directory
from flashbench.production.detector.chain import cross, simulate
from flashbench.production.detector.grades import FULL
from flashbench.production.detector.response import load as load_response
from flashbench.production.generate import events_of_generated, generate
from flashbench.production.minimum_bias import PARTS, PoolSettings, load_pool, make_part, part_path
from flashbench.production.ragged import Ragged, blocks
from flashbench.production.recipes import recipe
from flashbench.production.shards import BLOCK
from flashbench.production.streams import pythia_seed


def shard_again(process: str, number: tuple[int, int], events: int, pool: Ragged, path: Path) -> None:
    """Write one shard, of that (seed, shard)."""
    seed, shard = number
    chosen = recipe(process)
    with TemporaryDirectory() as scratch:
        generated, _ = generate(chosen, events, pythia_seed(seed, process, shard), Path(scratch), None)
    made = []
    for step, (first, last) in enumerate(blocks(generated.events, BLOCK)):
        key = (seed, process, shard, step)
        crossing = cross(events_of_generated(generated, first, last), pool, FULL.pileup, *key)
        seen = simulate(crossing, FULL, load_response(Tier.FULL), *key, "again")
        made.append(block(crossing, seen, shard, shard * SHARD_EVENTS + first + 1))
    write_events(path, [ak.concatenate(made)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--process", default="t1tttt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shards", type=int, default=4, help="the first so many of 1000 events")
    parser.add_argument("--events", type=int, default=SHARD_EVENTS, help="in a shard; anything else is for a trial")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    folder, settings = cache_directory() / "minimum-bias", PoolSettings()
    for part in range(PARTS):
        if not part_path(folder, settings, part).exists():
            make_part(folder, settings, part)
    pool = load_pool(folder, settings)
    for shard in range(arguments.shards):
        path = arguments.output / f"shard-{shard:05d}.root"
        shard_again(arguments.process, (arguments.seed, shard), arguments.events, pool, path)
        print(path)


if __name__ == "__main__":
    main()
