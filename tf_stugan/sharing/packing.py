"""What is packed of a run."""

from collections.abc import Mapping, Sequence
import contextlib
import io
import json
import pathlib
import re

import numpy as np
from safetensors import numpy as tensors

import tf_stugan
from tf_stugan.data import images as images_lib
from tf_stugan.data import pictures
from tf_stugan.sharing import kept_weights
from tf_stugan.sharing import model_card
from tf_stugan.sharing.generator import FORMAT
from tf_stugan.training import costs
from tf_stugan.training import state
from tf_stugan.training.trainer import Trainer
from tf_stugan.training.workdir import Workdir

_SAMPLES = 64  # images
_COSTS = ('parameters', 'kept_parameters', 'multiply_adds', 'dense_multiply_adds')


def collect(workdir: Workdir, trainer: Trainer, name: str, license_name: str, license_text: bytes = b'',
            modules: Sequence[str] = (), data_license: str = '') -> dict[str, bytes]:
  """Returns the parts of a packed run, by their names.

  Args:
    workdir: of the run.
    trainer: as it was restored.
    name: of the file or folder, as the model card calls it.
    license_name: of the weights.
    license_text: what the file LICENSE says; without one there is no such file.
    modules: of the user's own that its configuration imports.
    data_license: under which the training data are available; empty where nobody said so.
  """
  outputs = trainer.gan.outputs
  weights, masks = _weights(trainer)
  kept, bits = kept_weights.compress(weights, masks)
  step = int(trainer.step.numpy())
  files = {f'samples{"" if len(outputs) == 1 else f"-{key}"}.png': picture for key, output in outputs.items()
           if (picture := _picture(workdir, key, output, step))}
  card = {
      'format': FORMAT, 'version': tf_stugan.__version__, 'name': name, 'license': license_name,
      'data_license': data_license, 'step': step,
      'method': trainer.label, 'modules': list(modules), 'image_shapes': trainer.image_shapes,
      'num_classes': trainer.gan.num_classes,
      'outputs': {key: {'player': output.player, 'weights': output.weights, 'domain': output.domain, 'source': output.source}
                  for key, output in outputs.items()},
      'densities': {key: round(float(mask.mean()), 6) for key, mask in masks.items()},
      'shapes': {key: mask.shape for key, mask in masks.items()},
      'cost': _cost(workdir.rows(), step, {output.player for output in outputs.values()}),
      'scores': _scores(workdir, step), 'data': _data(workdir), 'samples': sorted(files)}
  files |= {
      'weights.safetensors': tensors.save(kept), 'masks.safetensors': tensors.save(bits),
      'config.gin': _without_folders(workdir.config.read_bytes()), 'card.json': json.dumps(card, indent=1).encode(),
      'README.md': model_card.render(card).encode()}
  return files | ({'LICENSE': license_text} if license_text else {})


def _weights(trainer):
  """Returns (weights of the networks that make images, masks of their kernels), by 'PLAYER/NAME'."""
  weights, masks = {}, {}
  for output in trainer.gan.outputs.values():
    masked = trainer.sides[output.player].masked
    variables = state.named(output.network.variables, output.network.name, without=[v.mask for v in masked])
    weights |= {f'{output.player}/{name}': variable.numpy() for name, variable in variables.items()}
    masks |= {f'{output.player}/{v.name}': v.mask.numpy() for v in masked}
  return weights, masks


def _without_folders(config):
  """Leaves of paths such as DENSE = '/home/me/runs/dense' the last part: the rest is of no use elsewhere."""
  return re.sub(rb"""(['"])[/~](?:(?!\1)[^\n])*/((?:(?!\1|/)[^\n])+)/?\1""", rb'\1\2\1', config)


def _picture(workdir, name, output, step):
  """Returns a PNG of samples: drawn where they are made of noise, else the one of the run at this step, if there is one."""
  if output.source:
    found = [*workdir.samples.glob(f'step-{step:08}-{name}.png'), *workdir.samples.glob(f'step-{step:08}.png')]
    return found[0].read_bytes() if found else None
  grid = pictures.make_grid(images_lib.to_uint8(output.make(output.inputs(np.arange(_SAMPLES)))))
  file = io.BytesIO()
  pictures.save_png(grid, file, {'step': step, 'output': name, 'numbers': f'0-{_SAMPLES - 1}'})
  return file.getvalue()


def _cost(rows, step, players) -> Mapping[str, object]:
  """Tells what an image and the training up to a step cost, from the rows of the run; empty where it has none."""
  found = costs.cost_rows(rows, step)
  if not found:
    return {}
  spent, dense = costs.add_up(found, step)
  return {**{player: {what: found[-1][f'{player}/{what}'] for what in _COSTS} for player in sorted(players)},
          'training_operations': spent, 'dense_training_operations': dense,
          **({'all_training_operations': spent + needed} if (needed := costs.before(rows)) else {})}


def _scores(workdir, step):
  """Lists the scores at this step, of training and of `tf-stugan evaluate`, each with its protocol."""
  left_out = ('kind', 'step', 'settled', 'curves')
  found = [{key: value for key, value in row.items() if key not in left_out}
           for row in workdir.scores() if row['step'] == step]
  return [row for i, row in enumerate(found) if row not in found[:i]]


def _data(workdir):
  with contextlib.suppress(OSError, ValueError):
    return json.loads(pathlib.Path(workdir.data).read_text())
  return {}
