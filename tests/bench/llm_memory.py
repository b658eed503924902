"""Memory and time of a training step of the full-size Qwen2-Audio: calculated, not measured.

    python tests/bench/llm_memory.py [--micro 4] [--batch 24] [--seconds 4 30] [--text 120] [--rank 16]

The model is built with its published sizes on torch's meta device, which holds shapes and no
numbers. Parameters are counted. Activations are the tensors that autograd saves for the backward
pass of the language model, each counted once. Those of the audio tower are not kept, since nothing
in it is trained, nor are attention scores. Time is 2 operations per weight and token forward, 2
backward (frozen weights have no gradient), 2 again where activations are recomputed, divided by an
assumed speed. Left out are the memory of kernels, fragmentation, the CUDA context (1 to 2 GB) and
reading audio.
"""  # noqa: E501  the command stands on one line

from collections.abc import Sequence

from shared.llm_cost import TOKENS, Calculation
from shared.measuring import Parser, Row, Table

SMALLEST = {"layers": 1, "seconds": [1], "micro": 2, "batch": 2, "text": 20}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, micro=4, batch=24, text=120, rank=16, layers=32)
    made.add_argument("--seconds", type=int, nargs="+", default=[4, 30], help="lengths of clips")
    return made


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    found = Calculation(options.layers, options.rank)
    print("Calculated, not measured.")
    sizes = Table({"part": "", "M parameters": ",.2f", "GB": ",.2f"})
    for name, count in {**found.parts, "frozen, all": found.total}.items():
        sizes.add(name, count / 1e6, 2 * count / 1e9)
    adapters = found.adapters / 1e6
    of_rank = f"adapters of rank {options.rank} with their moments"
    sizes.add(of_rank, adapters, found.state / 1e9)
    sizes.add(f"gradients of {found.strata} strata and their sum", adapters, found.buffers / 1e9)
    columns = {"clip": "", "tokens": "", "checkpointing": "", "activations, GB": ".2f"}
    table = Table(columns | {"in all, GB": ".1f", "a step, s": ".2f"})
    for seconds in options.seconds:
        tokens = seconds * TOKENS + options.text
        for name, again in (("with", True), ("without", False)):
            cost = found.cost(tokens, again, options.micro, options.batch)
            sums = cost.kept / 1e9, cost.peak / 1e9, cost.seconds
            table.add(f"{seconds} s", tokens, name, *sums)
    return sizes.rows + table.rows


if __name__ == "__main__":
    main()
