"""Channel tickets (Chen et al., 2021, https://arxiv.org/abs/2106.00134, Algorithm 2) and what they are compared with.

A dense network is searched for channels that it can do without; what is left of it becomes a narrower network, an ordinary
one with a configuration of its own, which is trained. All that is pruned are players whose networks tell their `orders`.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import functools
import pathlib

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.gans.distances import Distance
from tf_stugan.gans.gan import check_roles
from tf_stugan.models import narrowing
from tf_stugan.procedures import dense_runs
from tf_stugan.procedures import kept_channels
from tf_stugan.procedures import round_start
from tf_stugan.procedures.procedure import check_start
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.train import Train
from tf_stugan.training import starting_weights
from tf_stugan.training import costs
from tf_stugan.training.best_scores import best_score
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import newest_step
from tf_stugan.training.saved_steps import step_of
from tf_stugan.training.workdir import Workdir

DENSE, SEARCH, EXTRACTED = 'dense', 'search', 'extracted'  # the stages
_STARTS = ('initial', DENSE, SEARCH)


class Search:
  """How a dense network is searched for channels: trained on, by a loss that wants scales of normalizations to be 0.

  Args:
    train: the search.
    optimizers: by role, what makes the optimizer of a player; that of the pruned ones brings scales to 0 (`ProximalAdam`).
  """

  def __init__(self, train: Train, optimizers: Mapping[str, Callable[[], keras.optimizers.Optimizer]]):
    self.train = train
    self.optimizers = dict(optimizers)


class Channels(Procedure):
  """Trains dense, takes channels away, and trains the narrower network.

  In the search a player begins with what made the best images of the dense run: its average, if it has one. It learns from
  it, too.

  Args:
    train: the dense stage and the last one.
    kept: which channels stay.
    start: by role, the weights that the narrower network begins with: 'initial' ones, those of the 'dense' run, or those
      of the 'search'.
    pruned: the roles whose players are narrowed.
    search: how channels are searched for; None where `kept` does without.
    distance: from the images of the dense run's generator, which the search adds to the loss.
    adversarial: what the game's own loss of the pruned players is multiplied by where they learn from it.
    distilled: whether the narrower network goes on learning from the dense one.
    dense: workdir of a dense run of the same experiment, not to train it again; empty to train it here.
  """

  def __init__(self, train: Train, kept: kept_channels.KeptChannels, start: Mapping[str, str], pruned: Sequence[str],
               search: Search | None = None, distance: Distance | None = None, adversarial: float = 1.0,
               distilled: bool = False, dense: str = ''):
    errors.check_choice('Channels.start', _STARTS, **start)
    errors.check_within(self, 0, float('inf'), adversarial=adversarial)
    self.train = train
    self.num_steps = train.num_steps
    self.kept = kept
    self.start = dict(start)
    self.pruned = tuple(pruned)
    self.search = search
    self.distance = distance
    self.adversarial = adversarial
    self.distilled = distilled
    self.dense = pathlib.Path(dense).expanduser() if dense else None
    if kept.needs_search and not search:
      raise errors.UserError(f'Channels.search is not set, and {type(kept).__name__} looks at what a search has found.')
    if (search is None and SEARCH in start.values()) or (distilled and distance is None):
      raise errors.UserError('Channels: a start at the search needs `search`, and `distilled` needs a `distance`.')

  # What there is to do.

  def stages(self, make_trainer):
    dense = Stage(DENSE, self.num_steps, functools.partial(make_trainer, methods={}, label=DENSE),
                  needed_by=(SEARCH, EXTRACTED))
    extracted = Stage(EXTRACTED, self.num_steps, functools.partial(self._make_extracted, make_trainer),
                      functools.partial(self._begin_extracted, make_trainer), functools.partial(self._decide, make_trainer),
                      operations_before=self._operations_before_extracted)
    searched = [Stage(SEARCH, self.search.train.num_steps, functools.partial(self._make_search, make_trainer),
                      self._begin_search, operations_before=lambda folder: costs.total_operations(self._dense(folder)),
                      needed_by=(EXTRACTED,))] if self.search else []
    return [*([dense] if self._looks_at_dense and not self.dense else []), *searched, extracted]

  @property
  def _looks_at_dense(self):
    return bool(self.search or self.distilled or DENSE in self.start.values())

  def _make_search(self, make_trainer):
    trainer = make_trainer(methods={}, optimizers=self.search.optimizers, label='channel search')
    if self.distance:
      trainer.gan.imitate(self.distance, self.adversarial)
    return trainer

  def _make_extracted(self, make_trainer):
    trainer = make_trainer()
    if trainer.methods:
      trainer.label += ', sparse'  # in reports it is not the dense one, of the same procedure
    if self.distilled:
      trainer.gan.imitate(self.distance, self.adversarial)
    return trainer

  def prepare(self, data, data_dir, cache_dir):
    if hasattr(self.distance, 'prepare'):
      self.distance.prepare(data, data_dir, cache_dir)

  def check(self, trainer, stage):
    check_start('Channels.start', self.start, trainer.gan)
    check_roles('Channels.pruned', self.pruned, self.start)
    if stage.name != EXTRACTED:
      self._check_networks(trainer.gan)
    if self.dense and self._looks_at_dense:
      found_there = self.search and 'initial' in self.start.values()
      dense_runs.check('Channels.dense', self.dense, self.num_steps, trainer.initial_seed if found_there else None)
    (self.search if stage.name == SEARCH else self).train.check(trainer, stage)

  def _check_networks(self, gan):
    for player in self._players(gan):
      if not hasattr(player.network, 'orders'):
        raise errors.UserError(f'The network of the {player.name} has no channels that could be taken away: it is a '
                               f'{type(player.network).__module__.rpartition(".")[2]}.{type(player.network).__name__}.')
      if hasattr(player.network, 'full_width'):
        raise errors.UserError(f'The network of the {player.name} is narrower than its kind already, as small dense '
                               'networks and those with CHANNELS are: take channels away from one of full width.')

  def _players(self, gan):
    return [player for player in gan.players if player.role in self.pruned]

  # A stage.

  def run(self, run, stage, folder):
    (self.search if stage.name == SEARCH else self).train.run(run, stage, folder)

  def _dense(self, folder):
    return self.dense or folder / DENSE

  def _dense_checkpoint(self, folder):
    """Returns (folder of checkpoints, step) of the best images of the dense run; the last ones where none were scored."""
    workdir = Workdir(str(self._dense(folder)))
    best = best_score(workdir.rows())
    kept = list(map(step_of, list_checkpoints(workdir.checkpoints)))
    return workdir.checkpoints, best.step if best and best.step in kept else None

  def _begin_search(self, run, cost, folder):
    del cost  # the steps before are those of a run of its own
    self._check_data_of_dense(run)
    source, step = self._dense_checkpoint(folder)
    with self._naming_dense():
      for player in run.trainer.gan.players:
        round_start.load_best(run.trainer, player.name, player.network, source, step)
      round_start.teach(run.trainer, source, step)
    for side in run.trainer.sides.values():
      round_start.settle(side)

  def _check_data_of_dense(self, run):
    if self.dense and self._looks_at_dense:
      dense_runs.check_data('Channels.dense', self.dense, run.data)

  @contextlib.contextmanager
  def _naming_dense(self):
    """Says of networks that do not fit that the dense run, which was named, is of another experiment."""
    try:
      yield
    except errors.CheckpointError as error:
      if not self.dense:
        raise
      raise errors.UserError(f'Channels.dense: {error}') from error

  def _decide(self, make_trainer, folder):
    """Returns the widths of the narrower networks; none where the search is not at its end."""
    trainer = make_trainer(methods={})
    self._check_networks(trainer.gan)
    kept = self._kept_channels(trainer, folder)
    return {'CHANNELS': {name: {norm: len(channels) for norm, channels in norms.items()} for name, norms in kept.items()}}

  def _kept_channels(self, trainer, folder):
    """Returns {player: {normalization: its channels that stay}}, one of those that would lose all."""
    source = folder and folder / SEARCH / 'checkpoints'
    if self.kept.needs_search and not (source and newest_step(source) >= self.search.train.num_steps):
      return {}
    found = {}
    for player in self._players(trainer.gan):
      found[player.name] = self.kept(player.name, player.network.full_channels, trainer.seed, source)
    return found

  def _operations_before_extracted(self, folder):
    if self.search:
      return costs.total_operations(folder / SEARCH)
    return costs.total_operations(self._dense(folder)) if self._looks_at_dense else 0.0

  def _begin_extracted(self, make_trainer, run, cost, folder):
    del cost
    self._check_data_of_dense(run)
    trainer = run.trainer
    with trainer.strategy.scope():
      full = make_trainer(methods={})
      full.build(trainer.image_shapes)
    kept = self._kept_channels(full, folder)
    kept_channels.tell(kept, {player.name: player.network.full_channels for player in self._players(full.gan)})
    with self._naming_dense():
      for player in trainer.gan.players:
        self._start(trainer, full, player, kept.get(player.name), folder)
      if self.distilled:
        round_start.teach(trainer, *self._dense_checkpoint(folder))
    for side in trainer.sides.values():
      round_start.settle(side)

  def _start(self, trainer, full, player, kept, folder):
    """Gives a player its weights, out of those of the full width."""
    place = self.start[player.role]
    source, step = self._dense_checkpoint(folder) if place == DENSE else (folder / SEARCH / 'checkpoints', None)
    if place != 'initial':
      starting_weights.restore_parts(full, source, [f'weights/{player.name}'], step)
    prefix = f'{player.name}/'
    values, variables = ({name.removeprefix(prefix): v for name, v in parts['weights'].items() if name.startswith(prefix)}
                         for parts in (full.parts(), trainer.parts()))
    values = {name: v.numpy() for name, v in values.items()}
    for name, variable in variables.items():
      if tuple(variable.shape) == values[name].shape:
        variable.assign(values[name])
    if kept:
      narrowing.assign(player.network, variables, values, kept)
