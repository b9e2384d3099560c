"""The input of a node as a dataset: for `keras.Model.fit`, and for loops in a `tf.function`.

A row may be given to user code only when user code asks for it: to ask for a batch says that the one before
is dealt with, and lets checkpoints and watermarks pass. A `tf.data` stage that holds rows (a shuffle buffer,
a prefetch) would ask ahead. So what user code gets is no `tf.data.Dataset` to build on, but ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REFUSAL = (
    "ctx.dataset() takes no {name}(): a stage behind the queue would hold rows that Flink takes for dealt "
    "with. Shuffle, filter and join in Flink; what is done to a batch goes into batch_size= and transform= "
    "of ctx.dataset()"
)
_LOOP_REFUSAL = (
    "ctx.dataset() gives one batch to each call of a tf.function: a loop within it would ask for rows while "
    "the step before is under way. Leave steps_per_execution at 1 in compile(), and loop outside"
)
_KEPT = ("as_numpy_iterator", "cardinality", "element_spec", "options")
"""What a `StepDataset` has of a `tf.data.Dataset`."""


class _Stream:
    """The elements of the node, once, over all iterators that are made.

    The last one is kept, to come again where it was only shown.
    """

    def __init__(self, elements: Iterator[Any]) -> None:
        self._elements = elements
        self._last: Any = None
        self._again = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._again:
            self._last = next(self._elements)
        self._again = False
        return self._last

    def show_again(self) -> None:
        """The last element is the next one, too."""
        self._again = True


class StepIterator(tf.distribute.DistributedIterator):  # type: ignore[misc] # tensorflow has no types
    """Hands out the steps of a `StepDataset`, in eager code and in a `tf.function`.

    Args:
        elements: a `tf.data.Dataset`.
        at_end: called in eager code when there are no more; may raise.

    Attributes:
        only_shown: one element was given out in eager code, and nothing was asked for since.
    """

    def __init__(self, elements: Any, at_end: Callable[[], None]) -> None:
        self.only_shown = False
        self._fresh = True
        self._at_end = at_end
        self._elements = iter(elements)
        self._element_spec = elements.element_spec

    @property
    def element_spec(self) -> Any:
        """The `tf.TypeSpec` of an element."""
        return self._element_spec

    def get_next(self) -> Any:
        """The next element; `tf.errors.OutOfRangeError` after the last."""
        self._fresh = self.only_shown = False
        return self._elements.get_next()

    def get_next_as_optional(self) -> NoReturn:
        """Refused: it is for loops within a graph, which ask for rows before the step before is done."""
        raise TypeError(_LOOP_REFUSAL)

    def __next__(self) -> Any:
        shows = self._fresh and not tf.inside_function()
        self._fresh = self.only_shown = False
        try:
            element = next(self._elements)
        except StopIteration:
            self._at_end()
            raise
        self.only_shown = shows
        return element

    def __iter__(self) -> StepIterator:
        return self


class StepDataset(tf.data.Dataset, tf.distribute.DistributedDataset):  # type: ignore[misc] # no types
    """What `TFContext.dataset` returns: iterable, and what `keras.Model.fit` takes.

    To a strategy it is a dataset that is distributed already: each worker has rows of its own, and nothing
    reads ahead of the step. It has no stages: `shuffle`, `prefetch`, `map` and the others are refused.

    All iterators go on with the same stream. ``next(iter(dataset))`` shows the first batch without taking it,
    as of any dataset (Keras builds models with it): when an iterator has given out one batch in eager code
    and is asked for no other, the batch comes again from the next iterator of this dataset.

    Args:
        elements: yields what `signature` describes, when it is asked for it.
        signature: nested `tf.TypeSpec`.
        transform: makes an element of the dataset of one of `elements`; traced once.
        at_end: called in the thread that iterates, in eager code, when there are no more; may raise.
    """

    def __init__(
        self,
        elements: Iterator[Any],
        signature: Any,
        transform: Callable[..., Any],
        at_end: Callable[[], None],
    ) -> None:
        self._at_end = at_end
        self._stream = _Stream(elements)
        source = tf.data.Dataset.from_generator(lambda: self._stream, output_signature=signature)
        self._steps = source.map(transform).with_options(_in_step())
        self._iterator: StepIterator | None = None
        super().__init__(self._steps._variant_tensor)  # how one dataset is made of another

    @property
    def element_spec(self) -> Any:
        """The `tf.TypeSpec` of an element; the number of rows is open."""
        return self._steps.element_spec

    def __iter__(self) -> StepIterator:
        if self._iterator is not None and self._iterator.only_shown:
            self._stream.show_again()
        self._iterator = StepIterator(self._steps, self._at_end)
        return self._iterator

    def _inputs(self) -> list[Any]:
        return [self._steps]


def _refuse_stages() -> None:
    """Take from `StepDataset` whatever makes another dataset of it."""
    for name in dir(tf.data.Dataset):
        if not name.startswith("_") and name not in _KEPT:
            setattr(StepDataset, name, _refusal(name))


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise TypeError(_REFUSAL.format(name=name))

    return refuse


_refuse_stages()


def _in_step() -> Any:
    """Options by which nothing is read before it is asked for."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_optimization.inject_prefetch = False
    options.threading.private_threadpool_size = 1
    return options
