"""What a user of the model does: load what was exported, knowing nothing of how it came about."""

from __future__ import annotations

import sys

import digits
import tensorflow as tf


def main(saved_model: str, test_file: str) -> None:
    """Print the share of the test images that the model tells right."""
    model = tf.saved_model.load(saved_model)
    right = [tf.argmax(model.serve(images), 1) == labels for images, labels in digits.batches(test_file, 64)]
    print(f"accuracy={tf.reduce_mean(tf.cast(tf.concat(right, 0), tf.float32)):.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
