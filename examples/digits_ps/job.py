"""Learn to read handwritten digits: Keras, TensorFlow's parameter servers and TFRecord files in a Flink job.

chief ──schedules a file──> worker 0, worker 1 ──gradients──> ps
  └──> digits.keras, saved_model ──loaded in a fresh process──> accuracy
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import digits
from pyflink.datastream import StreamExecutionEnvironment

from ml_operator import JobConfig, MLJob
from tf_integration import TFClusterConfig, TFRunner

DEFAULT_OUT = Path(__file__).parents[2] / "out" / "digits_ps"
EPOCHS = 12
BATCH_SIZE = 32
LEARNING_RATE = 3e-3


def main() -> None:
    """Prepare the files, run the job, then try what it has exported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # of this process and of the one at the end
    chosen = _arguments()
    prepared = digits.prepare(chosen.data).resolve()
    out: Path = chosen.out.resolve()
    run(prepared, out, chosen.epochs)
    print(f"model: {out / 'digits.keras'}, {out / 'saved_model'}", flush=True)
    subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name("accuracy.py"),
            out / "saved_model",
            prepared / digits.TEST_FILE,
        ],
        check=True,
    )


def run(prepared: Path, out: Path, epochs: int) -> None:
    """Plan the job, start it and show its progress until it is done.

    Args:
        prepared: what `digits.prepare` returned.
        out: folder for the model.
        epochs: passes over the training files.

    Raises:
        JobFailed: with the first cause.
    """
    env = StreamExecutionEnvironment.get_execution_environment()
    job = MLJob(env, "digits", JobConfig())
    job.add_am_role()
    params = {
        "folder": str(prepared),
        "out": str(out),
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
    }
    cluster = TFClusterConfig(workers=2, ps=1, chief=True)
    cluster.add_to(job, runner=TFRunner("train:main", params=params))
    job.wait(env.execute_async("digits"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, default=digits.DEFAULT_FOLDER, help="folder for the TFRecord files"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder for the model")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="passes over the training files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
