"""Weights from plain arrays: an .npz in this project's names and shapes, or in those of the papers' PyTorch code.

Own names are the paths of variables below their network: 'block1/conv1/kernel', shape [k, k, C_in, C_out];
'project/kernel', [latent, H * W * C]; 'norm/gamma', 'norm/beta', 'norm/moving_mean', 'norm/moving_variance';
'block1/norm1/gain/table', [classes, C] ... `named_variables` lists those of a network. A file may leave out the vectors of
spectral norm, '.../spectral_norm/u' and 'v': the exact largest singular value is used then.

The tables below translate the names of two published repositories; arrays under those names have PyTorch's layouts.
"""

from collections.abc import Callable, Mapping, Sequence
import re

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.layers.spectral_norm import SpectralNorm

Names = Sequence[tuple[str, str | Callable[[re.Match], str]]]  # regular expression, replacement; applied in this order


def _block(match):
  return f'block{int(match[1]) + 1}/'


_COMMON = [
    (r'/weight(_orig)?$', '/kernel'), (r'/(weight_u|u0)$', '/spectral_norm/u'), (r'/weight_v$', '/spectral_norm/v'),
    (r'/running_mean$|/stored_mean$', '/moving_mean'), (r'/running_var$|/stored_var$', '/moving_variance')]

# SNGAN of VITA-Group/GAN-LTH, with torch.nn.utils.spectral_norm.
SNGAN_GENERATOR: Names = [
    (r'\.', '/'), (r'^l1/', 'project/'), (r'^c5/', 'to_rgb/'), (r'/c_sc/', '/shortcut/'), (r'/c([12])/', r'/conv\1/'),
    (r'^b5/', 'norm/'), (r'/b([12])/', r'/norm\1/'), (r'(norm\d?)/weight$', r'\1/gamma'), (r'(norm\d?)/bias$', r'\1/beta'),
    (r'^block(\d)/', lambda m: f'block{int(m[1]) - 1}/'), *_COMMON]
SNGAN_DISCRIMINATOR: Names = [
    (r'\.', '/'), (r'^l5/', 'logits/'), (r'/c_sc/', '/shortcut/'), (r'/c([12])/', r'/conv\1/'), *_COMMON]

# ajbrock/BigGAN-PyTorch. Without a shared embedding, gain and bias of its BatchNorms are tables.
BIGGAN_GENERATOR: Names = [
    (r'\.', '/'), (r'^shared/weight$', 'embedding/table'), (r'^linear/', 'project/'), (r'^blocks/\d+/1/', 'attention/'),
    (r'^blocks/(\d+)/0/', _block), (r'attention/gamma$', 'attention/gate'), (r'/conv_sc/', '/shortcut/'),
    (r'/bn([12])/stored', r'/norm\1/norm/stored'), (r'/bn([12])/', r'/norm\1/'), (r'^output_layer/2/', 'to_rgb/'),
    (r'^output_layer/0/gain$', 'norm/gamma'), (r'^output_layer/0/bias$', 'norm/beta'), (r'^output_layer/0/', 'norm/'),
    *_COMMON]
BIGGAN_DISCRIMINATOR: Names = [
    (r'\.', '/'), (r'^linear/', 'logits/'), (r'^embed/weight$', 'logits/embedding/table'),
    (r'^embed/', 'logits/embedding/'), (r'^blocks/\d+/1/', 'attention/'), (r'^blocks/(\d+)/0/', _block),
    (r'attention/gamma$', 'attention/gate'), (r'/conv_sc/', '/shortcut/'), *_COMMON]
_NOT_NEEDED = re.compile(r'(num_batches_tracked|\.sv\d+)$')


def named_variables(network: keras.Model) -> dict[str, tf.Variable]:
  """Returns the variables of a built network by their own names, without masks."""
  named = {v.name.removeprefix(network.name + '/').removesuffix(':0'): v for v in network.variables}
  return {name: v for name, v in named.items() if not name.endswith('/kernel_mask')}


def load(network: keras.Model, arrays: Mapping[str, np.ndarray], names: Names | None = None) -> None:
  """Assigns every variable of a built network.

  Args:
    network: of the same sizes.
    arrays: by name; with 'inputs/...' and 'output', which are skipped, they are what `largest_difference` takes.
    names: translate PyTorch's names, one of the tables above; None where the arrays have our own.

  Raises:
    UserError: a name is missing or unknown, or a shape is wrong; nothing was assigned.
  """
  given = {n: np.asarray(a) for n, a in arrays.items() if not re.match('inputs/|output$', n)}
  variables = named_variables(network)
  if names is not None:
    given = _from_torch(given, names, variables, getattr(network, 'first_map', None))
  needed = {name for name in variables if '/spectral_norm/' not in name}
  if missing := needed - set(given):
    raise errors.UserError(f'The arrays lack {_some(missing)} of the {network.name}.')
  if unknown := set(given) - set(variables):
    raise errors.UserError(f'The {network.name} has no {_some(unknown)}.')
  for name, array in given.items():
    if array.shape != tuple(variables[name].shape):
      raise errors.UserError(f'{name} has shape {array.shape}; the {network.name} has {tuple(variables[name].shape)}.')
  for name, array in given.items():
    variables[name].assign(array)
  for module in network.submodules:
    if isinstance(module, SpectralNorm):
      _complete_vectors(module, given, variables)


def largest_difference(network: keras.Model, arrays: Mapping[str, np.ndarray], names: Names | None = None) -> float:
  """Loads the arrays, and compares what the network makes of 'inputs/0', 'inputs/1' ... with 'output'.

  Args:
    network: built; it runs with training=False.
    arrays: as in `load`, and for a generator 'inputs/0' latents [N, latent_size], 'inputs/1' labels int32 [N], 'output'
      images [N, H, W, C]; for a discriminator images, labels and logits [N, 1].
    names: as in `load`.

  Returns:
    The largest |difference| of one number.
  """
  load(network, arrays, names)
  inputs = [arrays[name] for name in sorted(arrays) if name.startswith('inputs/')]
  result = network(*(tf.constant(x, tf.int32 if x.dtype.kind in 'iu' else tf.float32) for x in inputs), training=False)
  return float(np.abs(result.numpy() - arrays['output']).max())


def _some(names):
  return ', '.join(sorted(names)[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')


def _from_torch(arrays, names, variables, first_map):
  """Turns PyTorch's names and layouts into ours."""
  result = {}
  for torch_name, array in arrays.items():
    if _NOT_NEEDED.search(torch_name):
      continue
    name = torch_name
    for pattern, replacement in names:
      name = re.sub(pattern, replacement, name)
    if name not in variables and name.endswith('/kernel'):
      name = name.removesuffix('kernel') + 'table'
    table = name.split('/spectral_norm')[0] + '/table' in variables
    if table and '/spectral_norm/' in name:  # rows and columns of a table have changed places
      name = name[:-1] + {'u': 'v', 'v': 'u'}[name[-1]]
    result[name] = _relaid(name, array, variables, first_map)
  return result


def _relaid(name, array, variables, first_map):
  """Lays out one array in our way; `name` is ours."""
  path, norm, _ = name.partition('/spectral_norm')
  path = path if norm else path.rpartition('/')[0]
  kernel = variables.get(f'{path}/kernel')
  if array.ndim == 4:
    return array.transpose(2, 3, 1, 0)
  if name.endswith('/spectral_norm/v') and kernel is not None and kernel.shape.rank == 4:
    height, width, channels, _ = kernel.shape
    return array.reshape(channels, height, width).transpose(1, 2, 0).ravel()
  if norm:
    array = array.ravel()
  if path == 'project' and not name.endswith('/v'):  # the first map is channel-major over there
    _, height, width, channels = first_map
    array = array.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(array.shape)
  return array.T if name.endswith('/kernel') else array


def _complete_vectors(norm, given, variables):
  """Gives a spectral norm the vectors that the file lacks: by one more iteration (BigGAN keeps u alone), or exact ones."""
  by_ref = {v.ref(): name for name, v in variables.items()}
  u_name, v_name = by_ref[norm.u.ref()], by_ref[norm.v.ref()]
  kernel = variables.get(u_name.replace('spectral_norm/u', 'kernel'))
  kernel = variables[u_name.replace('spectral_norm/u', 'table')] if kernel is None else kernel
  matrix = kernel.numpy().reshape(-1, kernel.shape[-1])
  if u_name in given and v_name in given:
    return
  if u_name in given:
    v = _unit(matrix @ given[u_name])
    u = _unit(matrix.T @ v)
  elif v_name in given:
    u = _unit(matrix.T @ given[v_name])
    v = _unit(matrix @ u)
  else:
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    v, u = left[:, 0], right[0]
  norm.u.assign(u)
  norm.v.assign(v)


def _unit(vector):
  return vector / np.linalg.norm(vector)
