"""Train a classifier: labelled texts in, one weight file out.

    python -m models.classifiers.train toxicity --folder ../shared/data/labelled
    python -m models.classifiers.train --data labels.jsonl --out my.npz

The first makes curate/classify/weights/toxicity.npz and prints the sha256 that curate/classify/model.py has to name.
The second is for labels of your own: JSON lines with `text` and `label`, and `lang` if the thresholds are to differ by
language. The same labels give the same file. Cost: 1 to 5 minutes and 3 GB.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from curate.classify.model import Model, pack
from models.classifiers.calibrate import adjusted, calibrated, text_scores, thresholds
from models.classifiers.examples import SETS, Examples, counts, own
from models.classifiers.fit import Floats, Settings, Task, fit, out_of_fold, prepare

LABELLED = Path("../shared/data/labelled")
WEIGHTS = Path("curate/classify/weights")
SETTINGS = {"domain": Settings(smoothing=0.3), "toxicity": Settings()}


def train(examples: Examples, settings: Settings) -> tuple[Model, Task, Floats]:
    """(the model, the task, float64[n, classes]: what each text scores by models that have not seen it)."""
    task = prepare(examples)
    windows = out_of_fold(task, settings)
    plain = fit(task, examples.folds >= 0, settings)
    model = calibrated(plain, task, windows)
    scores = text_scores(adjusted(windows, plain, model), model, task)
    return model._replace(thresholds=thresholds(scores, task, settings)), task, scores


def main() -> None:
    """Train and write the weight file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", choices=sorted(SETS), help="one of the classifiers of curate")
    parser.add_argument("--folder", type=Path, default=LABELLED, help="holds the labelled sets")
    parser.add_argument("--data", type=Path, help="JSON lines with `text` and `label`, for a classifier of your own")
    parser.add_argument("--out", type=Path, help="the weight file")
    given = parser.parse_args()
    if (given.name is None) == (given.data is None) or (given.data and not given.out):
        parser.error("name one of the classifiers of curate, or give --data and --out")
    try:
        examples = own(given.data) if given.data else SETS[given.name](given.folder)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for source, label, number in counts(examples):
        print(f"{number:>7,} {source}: {label}", file=sys.stderr)
    model, _, _ = train(examples, SETTINGS.get(given.name, Settings()))
    data = pack(model)
    out: Path = given.out or WEIGHTS / f"{given.name}.npz"
    out.write_bytes(data)
    print(f"{out}: {len(data):,} bytes, thresholds {model.thresholds}", file=sys.stderr)
    print(hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    main()
