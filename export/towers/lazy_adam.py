"""Adam for tables of which a step reads few rows: the others are left alone."""

from __future__ import annotations

from collections.abc import Sequence

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import tensorflow as tf


class LazyAdam(tf.keras.optimizers.Adam):
    """Adam that updates, of a table that is gathered from, the rows that were gathered, and their moments.

    Keras' Adam goes over the whole table in each step, since moments decay and move rows that nobody asked for: at a
    million items that is all that a step does. Its moving average is kept here to the last: an average of what does
    not change is known beforehand, so that a row's is brought up to date when the row is met again, and at the end.
    """

    def __init__(self, learning_rate: float, *, use_ema: bool = False, ema_momentum: float = 0.99) -> None:
        """Take what is heeded of Keras' options, and no other."""
        super().__init__(learning_rate, use_ema=use_ema, ema_momentum=ema_momentum)

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        """Create the moments, the averages, and the step in which a row was last brought up to date."""
        if not getattr(self, "_built", False):
            self._tables: set[int] = set()
            self._met = [
                tf.Variable(tf.zeros(variable.shape[:1], tf.int64), trainable=False, name="met")
                for variable in var_list
            ]
        super().build(var_list)

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Update the rows of ``variable`` that ``gradient`` has, each once; all of them where it is dense."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        number, rows, slope = self._index_dict[self._var_key(variable)], gradient.indices, gradient.values
        self._tables.add(number)
        before, step = tf.gather(variable, rows), tf.cast(self.iterations + 1, tf.float32)
        first, second = self._momentums[number], self._velocities[number]
        mean = self.beta_1 * tf.gather(first, rows) + (1 - self.beta_1) * slope
        square = self.beta_2 * tf.gather(second, rows) + (1 - self.beta_2) * tf.square(slope)
        rate = self.learning_rate * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        after = before - rate * mean / (tf.sqrt(square) + self.epsilon)
        for kept, values in ((first, mean), (second, square), (variable, after)):
            kept.scatter_update(tf.IndexedSlices(values, rows))
        if self.use_ema:
            average, met = self._model_variables_moving_average[number], self._met[number]
            due = self._brought_up(tf.gather(average, rows), before, tf.gather(met, rows))
            average.scatter_update(tf.IndexedSlices(due + (1 - self.ema_momentum) * (after - due), rows))
            met.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(rows), self.iterations + 1), rows))

    def finalize_variable_values(self, var_list: Sequence[tf.Variable]) -> None:
        """Bring the averages of all rows up to date, and put them in the place of the weights."""
        for variable in var_list if self.use_ema else ():
            number = self._index_dict[self._var_key(variable)]
            if number in self._tables:
                average = self._model_variables_moving_average[number]
                average.assign(self._brought_up(average, variable, self._met[number]))
        super().finalize_variable_values(var_list)

    def _update_model_variables_moving_average(self, var_list: Sequence[tf.Variable]) -> None:
        dense = [variable for variable in var_list if self._index_dict[self._var_key(variable)] not in self._tables]
        super()._update_model_variables_moving_average(dense)

    def _brought_up(self, average: tf.Tensor, value: tf.Tensor, met: tf.Tensor) -> tf.Tensor:
        """Compute what the averages of rows have come to, whose values have not changed since they were ``met``."""
        steps = tf.cast(self.iterations - met, tf.float32)
        steps = tf.reshape(steps, [-1, *[1] * (len(value.shape) - 1)])
        return value + (average - value) * self.ema_momentum**steps
