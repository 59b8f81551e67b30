"""Hooks that measure how good the trained networks are, and what they cost."""

from collections.abc import Callable
import math
import time

from tf_stugan import errors
from tf_stugan.metrics import score as score_lib
from tf_stugan.metrics.cost import dense_cost
from tf_stugan.metrics.cost import Measured
from tf_stugan.metrics.cost import network_cost
from tf_stugan.training import evaluation
from tf_stugan.training.evaluation import Evaluator
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import Phase
from tf_stugan.training.run_log import Log


class Evaluate(Hook):
  """Scores what the game makes, and remembers the best value of the first score.

  Once `stopped`, it leaves the scores to the process that resumes the run: a stop should not wait for 50,000 images.
  """

  phase = Phase.MEASURE

  def __init__(self, interval: int, evaluator: Evaluator, log: Log, stopped: Callable[[], bool] = lambda: False):
    super().__init__(interval)
    self._evaluator = evaluator
    self._log = log
    self._stopped = stopped
    self.last = {}

  def begin(self, trainer, step, num_steps):
    if trainer.host_state.pending_evaluation:
      self(trainer, step)
      if trainer.host_state.pending_evaluation:
        raise errors.Interrupted(f'Stopped while scoring step {step}, as asked. The same command goes on from there.')

  def __call__(self, trainer, step):
    start = time.monotonic()
    try:
      self.last = self._evaluator.evaluate(trainer.gan.outputs, self._stopped)
      trainer.host_state.pending_evaluation = False
    except errors.Interrupted:
      trainer.host_state.pending_evaluation = True
      return
    finally:
      trainer.host_state.evaluation_seconds += time.monotonic() - start
    settled = all(method.is_settled(step) for method in trainer.methods.values())
    details = evaluation.details(self.last)
    self._log.write_row('evaluation', step, {
        **self.last, 'settled': settled, 'protocol': self._evaluator.protocol(), **details})
    self._log.write_scalars(step, self.last)
    if not settled:  # a network that is still to be pruned is not what this run is about
      return
    best = trainer.host_state.best
    for name, direction in list(details.get('better', {}).items())[:1]:
      if name not in best or score_lib.is_better(self.last[name], best[name][0], direction):
        best.clear()  # of another score, too, which came first before the configuration was changed
        best[name] = [float(self.last[name]), step]


class Cost(Hook):
  """Logs what each player's network costs with its present masks, and what a training step costs.

  There is a row at step 0, at every multiple of `interval` and after every mask update, so that the cost of the whole run
  can be added up from them; they also say how dense each layer is, and how much of it has been explored.

  Args:
    interval: steps between rows.
    log: where the rows are written.
    before: operations of all training that this run needs and does not do itself; NaN where they are unknown. The row of
      step 0 has them.
  """

  def __init__(self, interval: int, log: Log, before: float = math.nan):
    super().__init__(interval)
    self._log = log
    self._before = before
    self._written = None  # the step of the last row

  def begin(self, trainer, step, num_steps):
    if step == 0:
      self(trainer, step)

  def after_call(self, trainer, step):
    if any(method.is_update_step(step) for method in trainer.methods.values()):
      self(trainer, step)

  def __call__(self, trainer, step):
    if step != self._written:
      needed = {} if step or math.isnan(self._before) else {'operations_before': self._before}
      self._log.write_row('cost', step, {**self._values(trainer), **needed})
      self._written = step

  def _values(self, trainer):
    costs = {name: network_cost(side.player.network, side.masked) for name, side in trainer.sides.items()}
    dense = {name: dense_cost(trainer.sides[name].player.network, cost) for name, cost in costs.items()}
    values = {'method': trainer.label}
    for name, cost in costs.items():
      method = trainer.sides[name].method
      values |= {
          f'{name}/parameters': cost.parameters, f'{name}/kept_parameters': cost.kept_parameters,
          f'{name}/masked_parameters': cost.masked_parameters,
          f'{name}/dense_multiply_adds': dense[name].dense_multiply_adds, f'{name}/multiply_adds': cost.multiply_adds,
          f'{name}/method': type(method).__name__ if method else 'dense',
          f'{name}/layer_densities': {layer.name: round(layer.density, 6) for layer in cost.layers if layer.masked}}
      if exploration := trainer.sides[name].exploration:
        rates = exploration.rates()
        values[f'{name}/layer_exploration'] = {layer: round(rate, 6) for layer, rate in rates.items()}
    return {**values, 'step_operations': Measured().step(costs, trainer.gan),
            'dense_step_operations': Measured().dense_step(dense, trainer.gan)}
