"""A station of a gateway: processor time for each sample, its state included."""

from __future__ import annotations

import random
from time import process_time

from pytest_benchmark.fixture import BenchmarkFixture

from edge_agent.links.tag_source import Sample
from tests.support.measured import say
from tests.support.stations import SHOTS, TAGS, at, settings, translator

TAGS_COUNT, RATE_HZ, SECONDS, ROUNDS = 500, 10, 3, 4
MAX_US = 8.0
"""With 5,000 samples/s it is 4 % of a core."""


def cost_us() -> float:
    """Processor time of a sample [µs], the least of some rounds."""
    rng = random.Random(1)
    tags = [f"t{number}" for number in range(TAGS_COUNT)]
    half = TAGS_COUNT // 2
    station = {
        "press": "press1",
        "mold": "M-1",
        "sensors": {
            f"T_x{n}_C": {"tag": f"plc.t{n}", "unit": "degF", "range": [-50, 300]}
            for n in range(half)
        },
        "metrics": {f"m{n}": f"plc.t{n + half}" for n in range(half)},
    }
    of = settings(station, SHOTS, [*tags, *TAGS])
    batches = [
        [Sample(tag, at(n / RATE_HZ + rng.random() / 50), rng.uniform(70, 120)) for tag in tags]
        for n in range(SECONDS * RATE_HZ)
    ]
    found_us = []
    for _ in range(ROUNDS):
        one = translator(of)
        begun = process_time()
        for number, batch in enumerate(batches):
            one.take("plc", batch, at(number / RATE_HZ + 0.02))
            one.state()
        found_us.append((process_time() - begun) / (len(batches) * TAGS_COUNT) * 1e6)

    return min(found_us)


def test_a_sample_costs_few_microseconds(benchmark: BenchmarkFixture) -> None:
    found_us = benchmark.pedantic(cost_us, rounds=1)
    benchmark.extra_info["us"] = found_us
    say(f"{found_us:.2f} µs a sample")
    if benchmark.enabled:
        assert found_us <= MAX_US
