"""Saves a model of Keras with two inputs, a pair and a number: their sum. Run in a process of its own."""

from __future__ import annotations

import sys

import keras

pair, number = keras.Input((2,)), keras.Input(())
total = keras.ops.sum(pair, axis=1) + number
keras.Model([pair, number], total).save(sys.argv[1])
