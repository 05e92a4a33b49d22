"""All the tables of docs/performance.md, one benchmark after the other: `python tests/benchmarks [--quick] …`.

With --markdown they go into a file as well, under the date and the processor, as docs/performance.md has them. Only
what every benchmark takes is taken. Where one fails, the others still run.
"""

import subprocess
import sys
from pathlib import Path

from environments import ENVIRONMENTS, installed
from harness import arguments, machine

BENCHMARKS = {
    "pipeline": "From archives to a deduplicated corpus",
    "fuzzy_dedup": "Fuzzy deduplication",
    "minhash_families": "Which signatures",
    "growth": "Memory",
    "engines": "Engines",
    "signals": "Signals and rules",
    "last_stages": "Masking and decontamination",
    "classifiers": "Classifiers",
}


def main() -> int:
    """The number of benchmarks that failed."""
    parser = arguments(__doc__)
    given, others = parser.parse_known_args()
    if others:
        parser.error(f"not every benchmark takes {' '.join(others)}; run the one that does, NAME.py")
    if not given.alone:
        installed(tuple(ENVIRONMENTS), given.peers)  # first of all, since it takes a while and may need a word
    heading = f"# How fast it is\n\n{machine()}.\n"
    print(heading)
    if given.markdown:
        given.markdown.write_text(heading, encoding="utf-8")
    return sum(run(name, title, given.markdown) for name, title in BENCHMARKS.items())


def run(name: str, title: str, markdown: Path | None) -> bool:
    """Whether it failed; the arguments are passed on."""
    print(f"\n## {title}", flush=True)
    if markdown:
        with markdown.open("a", encoding="utf-8") as file:
            file.write(f"\n## {title}\n")
    done = subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py"), *sys.argv[1:]], check=False)
    if done.returncode:
        print(f"{name}.py failed with exit status {done.returncode}", file=sys.stderr)
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
