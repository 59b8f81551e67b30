"""What is about to be trained, in a few lines."""

import pathlib
import textwrap

from tf_stugan.metrics.cost import network_cost
from tf_stugan.procedures.procedure import Run
from tf_stugan.training import strategies

_WIDTH = 80  # columns


def banner(run: Run, folder: pathlib.Path, num_steps: int) -> str:
  """Writes method, data, networks, device, where results go, and what the figures of the progress line mean."""
  trainer = run.trainer
  rows = {domain: _images(images) for domain, images in run.data.items()}
  rows |= {name: _network(side) for name, side in trainer.sides.items()}
  rows |= {'device': strategies.describe(trainer.strategy), 'results': f'{folder}; curves: tensorboard --logdir={folder}'}
  rows |= _legend(trainer)
  width = max(map(len, rows)) + 2
  lines = [textwrap.fill(text, _WIDTH, initial_indent='  ' + name.ljust(width), subsequent_indent=' ' * (width + 2),
                         break_long_words=False, break_on_hyphens=False) for name, text in rows.items()]
  return '\n'.join([f'{trainer.label or "Training"} to step {num_steps:,}', *lines])


def _images(images):
  classes = f', {images.num_classes} classes' if images.num_classes > 1 else ''
  return f'{images.name}: {len(images):,} images of {" x ".join(map(str, images.image_shape))}{classes}'


def _network(side):
  cost = network_cost(side.player.network, side.masked)
  if not side.masked:
    return f'{cost.parameters:,} parameters, dense'
  return (f'{cost.parameters:,} parameters, {cost.kept_parameters:,} of them kept: density {cost.density:.3g} in '
          f'{len(side.masked)} masked layers')


def _legend(trainer):
  """Explains the figures that need words."""
  legend = {}
  if any(side.masked for side in trainer.sides.values()):
    legend |= {'density': 'share of the weights of masked layers that is kept now',
               'explored': 'share of them that has been kept at some time'}
  turns = dict.fromkeys(trainer.gan.balance[name].turn for name in trainer.balance)
  if turns:
    legend['balance ratio'] = (
        'share of the gap between the scores of real and generated images that one update of the '
        f'{" or ".join(turns)} closes; near 0 the opponent is too strong')
  return legend
