"""Rounds of ever fewer weights: lottery tickets (Chen et al., 2021, https://arxiv.org/abs/2106.00134) and their baselines.

A round is a training of its own. It has masks (`round_masks`), start values for each role, and maybe a teacher; all of the
paper's procedures are choices among these.
"""

from collections.abc import Mapping, Sequence
import functools
import json
import logging
import pathlib

from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.gans.gan import check_roles
from tf_stugan.gans.gan import GAN
from tf_stugan.metrics.score import is_better
from tf_stugan.procedures import dense_runs
from tf_stugan.procedures import round_start
from tf_stugan.procedures.procedure import check_start
from tf_stugan.procedures.procedure import Procedure
from tf_stugan.procedures.procedure import Stage
from tf_stugan.procedures.round_masks import RoundMasks
from tf_stugan.procedures.source_ladder import SourceLadder
from tf_stugan.procedures.train import Train
from tf_stugan.sparsity.fixed_masks import FixedMasks
from tf_stugan.training import checkpoints
from tf_stugan.training import costs
from tf_stugan.training import starting_weights
from tf_stugan.training import strategies
from tf_stugan.training.best_scores import best_score
from tf_stugan.training.hooks import Hook
from tf_stugan.training.hooks import Phase
from tf_stugan.training.rounds import DENSE
from tf_stugan.training.rounds import DESCRIPTION
from tf_stugan.training.rounds import index_of
from tf_stugan.training.rounds import round_name
from tf_stugan.training.saved_steps import list_checkpoints
from tf_stugan.training.saved_steps import newest_step
from tf_stugan.training.saved_steps import step_of
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir

_LOG = logging.getLogger(__name__)

_KEPT = 'rewind'  # folder in that of the dense stage, for the state that late rewinding goes back to
_STARTS = ('initial', 'dense', 'previous', 'rewind', 'source')


class Ladder(Procedure):
  """Trains dense, then `rounds` times with masks: round r keeps (1 - rate)^r of the weights of every pruned player.

  Optimizers, averages, schedules and what the game remembers begin anew in every round.

  Args:
    train: every round.
    rounds: after the dense one.
    rate: share of what is left that each round takes away, in (0, 1); of n weights round(rate * n) go.
    masks: where the masks of a round come from.
    start: by role, the weights that a round begins with, buffers included: 'initial' ones; 'dense', those of the dense run
      at its end; 'previous', those of the round before; 'rewind', those of the dense run after the share `rewind` of its
      steps, where the round goes on counting; 'source', trained ones of the run that the masks are taken from.
    pruned: the roles whose players get masks, each player by itself.
    dense: workdir of a dense run of the same experiment, not to train it again; empty to train it here.
    rewind: see `start`; 0 without.
    initial_seed: of the initial weights of the rounds, where they are not to be those of the dense run.
    distillation: weight of the divergence from the dense run's discriminator in the loss of the one that is trained.
  """

  def __init__(self, train: Train, rounds: int, rate: float, masks: RoundMasks, start: Mapping[str, str],
               pruned: Sequence[str], dense: str = '', rewind: float = 0.0, initial_seed: int | None = None,
               distillation: float = 0.0):
    errors.check_counts(self, 1, 99, rounds=rounds)
    errors.check_within(self, 1e-6, 1 - 1e-6, rate=rate)
    errors.check_within(self, 0, 1, rewind=rewind)
    errors.check_within(self, 0, float('inf'), distillation=distillation)
    errors.check_choice('Ladder.start', _STARTS, **start)
    if initial_seed is not None:
      errors.check_counts(self, 0, errors.LARGEST_SEED, initial_seed=initial_seed)
    self.train = train
    self.num_steps = train.num_steps
    self.rounds = rounds
    self.rate = rate
    self.masks = masks
    self.source = SourceLadder(masks.ladder) if masks.of == 'source' else None
    self.start = dict(start)
    self.pruned = tuple(pruned)
    self.dense = pathlib.Path(dense).expanduser() if dense else None
    self.rewind_step = round(rewind * train.num_steps)
    self.initial_seed = initial_seed
    self._chosen = range(1, rounds + 1)  # the rounds that are to be trained
    self.distillation = distillation
    self._check_places()

  def _check_places(self):
    places = set(self.start.values())
    if ('rewind' in places) != bool(self.rewind_step) or self.rewind_step >= self.num_steps:
      raise errors.UserError(
          f"Ladder.rewind is the share of the training after which the start 'rewind' is taken, and only for that: "
          f'{self.rewind_step} of {self.num_steps} steps, and starts {", ".join(sorted(places))}.')
    if 'rewind' in places and len(places) > 1:
      raise errors.UserError(f'Ladder.start: where one role is rewound all have to be; got {self.start}.')
    if 'source' in places and not self.source:
      raise errors.UserError("Ladder.start = 'source' is for masks that are taken from another ladder (round_masks.Taken).")

  @property
  def is_cumulative(self) -> bool:
    """Tells whether a round needs the one before it."""
    return 'previous' in {self.masks.of, *self.start.values()}

  # What there is to do.

  def stages(self, make_trainer):
    dense = Stage(DENSE, self.num_steps, functools.partial(make_trainer, methods={}, label='dense'),
                  functools.partial(self._begin_dense, make_trainer) if self.source else None,
                  needed_by=self._needing(0))
    rounds = [Stage(round_name(i), self.num_steps, functools.partial(self._make_round, make_trainer, i),
                    functools.partial(self._begin, i), first_step=self.rewind_step,
                    operations_before=functools.partial(self._operations_before, i), needed_by=self._needing(i))
              for i in range(1, self.rounds + 1)]
    return rounds if self.dense else [dense, *rounds]

  def choose(self, stages, numbers, folder):
    known = [index_of(stage.name) for stage in stages]
    if unknown := sorted(set(numbers) - set(known)):
      raise errors.UserError(f'--rounds: there is no round {unknown[0]}; this ladder trains {known[0]} to {known[-1]}.')
    if self.is_cumulative:
      raise errors.UserError(
          '--rounds: each round of this ladder needs the one before it, so they cannot be shared out. Set ROUNDS to train '
          'fewer.')
    self._chosen = [index for index in numbers if index]
    step = newest_step(folder / DENSE / 'checkpoints')
    if self._looks_at_dense and not self.dense and 0 not in numbers and step < self.num_steps:
      raise errors.UserError(f'--rounds: these rounds need the dense run, round 0, which is at step {step} of '
                             f'{self.num_steps}. Train it first, or name a finished one by DENSE.')
    return [stage for stage in stages if index_of(stage.name) in numbers]

  @property
  def _looks_at_dense(self):
    return bool({'dense', 'rewind'} & {self.masks.of, *self.start.values()} or self.distillation)

  def _make_round(self, make_trainer, index):
    methods = {role: functools.partial(FixedMasks, self._remaining(index)) for role in self.pruned}
    trainer = make_trainer(methods=methods, initial_seed=self.initial_seed)
    if self.distillation:
      trainer.gan.distil(self.distillation)
    return trainer

  def _remaining(self, index):
    return (1 - self.rate) ** index

  def _kept(self, index, size):
    for _ in range(index):
      size -= round(self.rate * size)
    return size

  def check(self, trainer, stage):
    check_start('Ladder.start', self.start, trainer.gan)
    check_roles('Ladder.pruned', self.pruned, self.start)
    if self.dense:
      ranked = self.masks.of in (DENSE, 'previous') and 'initial' in self.start.values()
      dense_runs.check('Ladder.dense', self.dense, self.num_steps,
                       trainer.seed if ranked and self.initial_seed is None else None)
      self._check_rewinding()
    if self.source:
      indices = self._chosen if stage.name == DENSE else [index_of(stage.name)]
      self.source.check({i: self._remaining(i) for i in indices})
    if self.distillation and type(trainer.gan).distil is GAN.distil:
      trainer.gan.distil(self.distillation)  # says that this game has nobody to teach
    self.train.check(trainer, stage)

  def _check_rewinding(self):
    if self.rewind_step and not self._rewound(self.dense):
      raise errors.UserError(
          f'Ladder.dense: {self.dense} kept no checkpoint of step {self.rewind_step}, to rewind to. Train it with '
          f'Train.keep_every = {self.rewind_step}, or let the ladder train its own.')

  # A stage.

  def run(self, run, stage, folder):
    if stage.name == DENSE and self.rewind_step:
      run = run._replace(hooks=(*run.hooks, _Keep(self.rewind_step, folder / DENSE / _KEPT)))
    self.train.run(run, stage, folder)
    if stage.name in (DENSE, round_name(1)):
      self._compare_with_dense(folder)

  def _needing(self, index):
    """Lists the rounds that begin from the end of a round, or of the dense run, 0."""
    if index == 0 and self._looks_at_dense:
      return [round_name(i) for i in range(1, self.rounds + 1)]
    return [round_name(index + 1)] if self.is_cumulative else []

  def _describe(self, trainer, folder):
    output_files.write_whole(folder / DESCRIPTION, json.dumps({
        'method': trainer.label, 'seed': trainer.seed, 'initial_seed': trainer.initial_seed,
        'dense': str(self.dense.resolve()) if self.dense else DENSE,
        'rewind': self.rewind_step / self.num_steps,
        'rounds': {round_name(i): self._remaining(i) for i in range(1, self.rounds + 1)}}, indent=1) + '\n')

  def _compare_with_dense(self, folder):
    places = [self._dense(folder), folder / round_name(1)]
    if not all(place.is_dir() and Workdir(str(place)).newest_step() >= self.num_steps for place in places):
      return  # another process trains it, or will
    dense, first = (best_score(Workdir(str(place)).rows()) for place in places)
    if dense and first and is_better(first.value, dense.value, first.better):
      _LOG.warning('The dense run has %s %.4g, round 1 has %.4g: the dense run may not have converged, and to match it says '
                   'little then.', dense.name, dense.value, first.value)

  # How a round begins.

  def _begin_dense(self, make_trainer, run, cost, folder):
    """Finds what the first round would stop at, hours later."""
    del cost
    with run.trainer.strategy.scope():
      trainer = self._make_round(make_trainer, 1)
      trainer.build(run.trainer.image_shapes)
    self._check_networks_of_source(trainer, 1)

  def _begin(self, index, run, cost, folder):
    if self.dense:
      dense_runs.check_data('Ladder.dense', self.dense, run.data)
    trainer = run.trainer
    if self.rewind_step:
      cost(trainer, 0)  # the steps up to there, which were dense
    if self.source:
      self._check_networks_of_source(trainer, index)
      self.source.warn_of_unused_masks(trainer, index)
      if 'initial' in self.start.values():
        self.source.log_initial_seed(trainer)
    self.load_round(trainer, index, folder)
    trainer.warn_of_thin_layers(list(trainer.methods), run.data)
    if self.rewind_step:
      cost(trainer, self.rewind_step)
    if strategies.is_chief(trainer.strategy):  # not before: what is refused leaves nothing behind
      self._describe(trainer, folder)

  def _operations_before(self, index, folder):
    """Returns the operations of all training that a round needs: the dense run, the rounds before it, what its masks were
    found by. The steps before the one that it goes back to were done in the dense run, and are counted as its own."""
    needed = 0.0
    if self.is_cumulative and index > 1:
      needed = costs.total_operations(folder / round_name(index - 1))
    elif self.is_cumulative or self._looks_at_dense:
      needed = costs.total_operations(self._dense(folder))
    if self.source:
      needed += costs.total_operations(self.source.path / round_name(index))
    if self.rewind_step:
      needed -= costs.total_operations(self._dense(folder)) * self.rewind_step / self.num_steps
    return needed

  def _check_networks_of_source(self, trainer, index):
    taken = [player.name for player in trainer.gan.players
             if player.role in self.pruned or self.start[player.role] == 'source']
    self.source.check_networks(trainer, index, taken)

  def load_round(self, trainer: Trainer, index: int, folder: pathlib.Path) -> None:
    """Gives a trainer what a round begins with.

    Args:
      trainer: of the round, just built.
      index: of the round, from 1.
      folder: of the ladder, with the runs before.

    Raises:
      CheckpointError: one of those is missing, or has other networks.
    """
    initial = {name: v.numpy() for name, v in trainer.parts()['weights'].items()}
    place = functools.partial(self._place, folder, index)
    for name in trainer.methods:
      self.masks(trainer, name, index, functools.partial(self._kept, index), place)
    for player in trainer.gan.players:
      round_start.load_start(trainer, player, place(self.start[player.role]), self.rewind_step or None, initial)
    if self.rewind_step:
      starting_weights.restore_parts(trainer, place('rewind'), ['step'], self.rewind_step)
    for side in trainer.sides.values():
      round_start.settle(side)
    round_start.teach(trainer, place('dense'))

  def _place(self, folder, index, name):
    """Returns the folder of the checkpoints of a run that a round looks at; None for initial weights."""
    if name == 'initial':
      return None
    if name == 'source':
      return self.source.checkpoints(index)
    if name == 'previous' and index > 1:
      return folder / round_name(index - 1) / 'checkpoints'
    dense = self._dense(folder)
    return (self._rewound(dense) or dense / _KEPT) if name == 'rewind' else dense / 'checkpoints'

  def _dense(self, folder):
    return self.dense or folder / DENSE

  def _rewound(self, dense):
    """Returns the folder that holds the step to rewind to, if one does."""
    return next((folder for folder in (dense / _KEPT, dense / 'checkpoints')
                 if self.rewind_step in map(step_of, list_checkpoints(folder))), None)


class _Keep(Hook):
  """Saves the state of one step into a folder of its own, where no newer one takes its place."""

  phase = Phase.TELL  # before the run's own checkpoint: a run that ends between the two comes to this step again

  def __init__(self, step: int, folder: pathlib.Path):
    super().__init__(step)
    self._folder = folder

  def __call__(self, trainer, step):
    if step == self.interval:
      checkpoints.save(trainer, self._folder)
