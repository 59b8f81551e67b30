"""Which bindings of a run may change while it goes on: those that are read later than its first state was made.

All that a checkpoint holds has been decided: weights, masks, the density they were drawn with, the seed. A changed binding
is followed to the parameters that it reaches, and each of these has to be one that training still asks.
"""

import fnmatch
import re

from tf_stugan import configuration

# Class: parameters; all of them where it says so. What is not here is refused, whoever's class it is.
_READ_LATER = {
    'tf_stugan.data.*': '*',
    'tf_stugan.gans.diff_augment.*': '*',
    'tf_stugan.gans.losses.*': '*',
    'tf_stugan.gans.noise_to_image.NoiseToImage':
        'loss discriminator_batch_size generator_batch_size discriminator_updates augment joint_pass accumulation_steps '
        'after_update',
    'tf_stugan.gans.cycle_gan.CycleGAN': 'loss batch_size cycle score',
    'tf_stugan.gans.terms.*': '*',
    'tf_stugan.gans.penalties.*': '*',
    'tf_stugan.metrics.balance_ratio.BalanceRatio': 'interval estimate',
    'tf_stugan.metrics.density_coverage.*': '*',
    'tf_stugan.metrics.features.*': '*',
    'tf_stugan.metrics.fid.*': '*',
    'tf_stugan.metrics.inception_score.*': '*',
    'tf_stugan.metrics.kid.*': '*',
    'tf_stugan.metrics.prd.*': '*',
    'tf_stugan.metrics.precision_recall.*': '*',
    'tf_stugan.metrics.random_network.*': '*',
    'tf_stugan.metrics.strided_classifier.*': '*',
    'tf_stugan.procedures.procedure.Experiment': 'data evaluator',
    'tf_stugan.procedures.channels.Channels': 'dense',
    'tf_stugan.procedures.ladder.Ladder': 'rounds dense',
    'tf_stugan.procedures.train.Train': '*',
    'tf_stugan.sparsity.adaptive_density.AdaptiveDensity':
        'schedule increment lower_bound upper_bound floor cap drop_score grow_score regrow_dropped '
        'reset_optimizer_state',
    'tf_stugan.sparsity.dynamic_sparse.DynamicSparse':
        'schedule drop_score grow_score across_layers regrow_dropped grow_mask reset_optimizer_state',
    'tf_stugan.sparsity.gradual_pruning.GradualPruning': 'total_steps',
    'tf_stugan.sparsity.schedules.UpdateSchedule':
        'total_steps update_interval initial_fraction final_fraction decay end_step',
    'tf_stugan.sparsity.schedules.total_steps': '*',
    'tf_stugan.sparsity.sparse_ema.SparseEMA': 'decay restart_regrown average_buffers',
    'tf_stugan.training.evaluation.Evaluator': '*',
    'tf_stugan.training.trainer.Trainer': 'label flip resize steps_per_call jit_compile',
    'tf_stugan.training.learning_rates.*': '*',
    'tf_stugan.training.optimizers.Adam': 'learning_rate beta_1 beta_2 epsilon',
    'tf_keras.optimizers.*': 'learning_rate beta_1 beta_2 epsilon',
}


def without_effect(old: str, new: str) -> list[str]:
  """Lists the bindings that differ between two snapshots and would not do what they say in a run that has begun.

  Returns:
    'NAME' or 'NAME (Class.parameter)' each, with the parameter that is not read any more.
  """
  before, after = configuration.bindings_of(old), configuration.bindings_of(new)
  modules = {**_modules(old), **_modules(new)}
  found = []
  for name in sorted({*before, *after}):
    if before.get(name) == after.get(name):
      continue
    reached = _reached(before, {**before, name: after.get(name, '')})
    reached |= _reached({**after, name: before.get(name, '')}, after)
    decided = sorted(parameter for parameter in reached if not _is_read_later(parameter, modules))
    if decided or not reached:
      found.append(name if decided in ([], [name]) else f'{name} ({", ".join(_short(p) for p in decided)})')
  return found


def _reached(first, second):
  """Finds parameters that have other values in the second than in the first, macros filled in."""
  return {name for name in {*first, *second} if '.' in name and _filled_in(name, first) != _filled_in(name, second)}


def _filled_in(name, bindings):
  value = bindings.get(name, '')
  for _ in bindings:  # at most so many names deep
    value, count = re.subn(r'%([\w/]+)(?![\w./])', lambda m: bindings.get(m[1], ''), value)
    if not count:
      break
  return value


def _modules(text):
  """Returns {name by which a snapshot calls a module: its full name}."""
  return {alias or module: f'{package}.{module}'
          for package, module, alias in re.findall(r'^from ([\w.]+) import (\w+)(?: as (\w+))?$', text, re.MULTILINE)}


def _is_read_later(name, modules):
  module, _, rest = name.split('/')[-1].partition('.')
  owner, _, parameter = f'{modules.get(module, module)}.{rest}'.rpartition('.')
  return any(fnmatch.fnmatchcase(owner, pattern) and (names == '*' or parameter in names.split())
             for pattern, names in _READ_LATER.items())


def _short(name):
  return '.'.join(name.split('/')[-1].split('.')[-2:])
