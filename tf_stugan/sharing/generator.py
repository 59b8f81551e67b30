"""A packed generator in somebody else's program."""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib
import tempfile

import numpy as np
import safetensors
from safetensors import numpy as tensors

from tf_stugan import compat
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.data import images as images_lib
from tf_stugan.gans.outputs import Output
from tf_stugan.sharing import gallery
from tf_stugan.sharing import hub
from tf_stugan.sharing import kept_weights
from tf_stugan.sharing import packed_files
from tf_stugan.training import state

FORMAT = 2
_AT_A_TIME = 64  # images
_PARTS = ('card.json', 'config.gin', 'weights.safetensors', 'masks.safetensors')  # what a generator is made of


class Generator:
  """What a game makes, from the weights that were packed.

  Attributes:
    card: what was packed with the weights: step, scores with their protocol, cost, densities, data ...
    outputs: what is made, by name; 'images' of a generator that makes them of noise.
    masks: bool, of a kernel's shape, by 'PLAYER/LAYER'; empty for a dense generator.
  """

  def __init__(self, card: Mapping, outputs: Mapping[str, Output], masks: Mapping[str, np.ndarray]):
    self.card = card
    self.outputs = outputs
    self.masks = masks

  def sample(self, seeds: Sequence[int], labels: int | Sequence[int] | None = None, truncation: float | None = None,
             output: str | None = None) -> np.ndarray:
    """Makes one image a seed, the same ones that `tf-stugan sample` draws.

    Args:
      seeds: integers >= 0, [N].
      labels: the class of all images, or of each [N]; each seed's own, uniformly drawn class if not given.
      truncation: bound of the latent's components; None for no bound.
      output: name of the output, where there are several.

    Returns:
      uint8 [N, H, W, C].

    Raises:
      UserError: such images are not made here.
    """
    made, seeds = self._output(output), np.atleast_1d(np.asarray(seeds))
    if made.source:
      raise errors.UserError('This network translates: give `translate` the images, uint8 [N, H, W, C].')
    if seeds.dtype.kind not in 'iu' or seeds.ndim != 1 or not len(seeds) or seeds.min() < 0:
      raise errors.UserError('Seeds are integers from 0 on, in one list.')
    if labels is None:
      labels = rng.labels(seeds, made.network.num_classes)
    else:
      labels = np.broadcast_to(np.asarray(labels, np.int32), seeds.shape)
      if labels.min() < 0 or labels.max() >= made.network.num_classes:
        raise errors.UserError(f'Labels are below {made.network.num_classes}, the number of classes, and not negative.')
    parts = np.array_split(np.arange(len(seeds)), -(-len(seeds) // _AT_A_TIME))
    return images_lib.to_uint8(np.concatenate(
        [made.sample(seeds[part], labels[part], truncation=truncation) for part in parts]))

  def translate(self, images: np.ndarray, output: str | None = None) -> np.ndarray:
    """Translates images, uint8 [N, H, W, C], into another domain.

    Args:
      images: of the source domain, best of the size of training (`card['image_shapes']`).
      output: name of the output, where there are several: a_to_b.

    Returns:
      uint8 [N, H, W, C].

    Raises:
      UserError: nothing is translated here, or these are no such images.
    """
    made, images = self._output(output), np.asarray(images)
    if not made.source:
      raise errors.UserError('This network makes images of noise: `sample` takes the seeds.')
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
      raise errors.UserError(f'Images are uint8 [N, H, W, C]; got {images.dtype} {list(images.shape)}.')
    return np.concatenate([images_lib.to_uint8(made.make((images_lib.to_float(image[None]),))) for image in images])

  def _output(self, name):
    if name is None and len(self.outputs) == 1:
      return next(iter(self.outputs.values()))
    if name not in self.outputs:
      raise errors.UserError(f'output is one of {", ".join(self.outputs)}; got {name!r}.')
    return self.outputs[name]


def load(path: str | os.PathLike, modules: Sequence[str] = ()) -> Generator:
  """Reads a packed generator. The configuration of gin is afterwards what it was.

  Args:
    path: what `tf-stugan pack` wrote, a file or a folder; or where it pushed to, hf://OWNER/NAME; or a name of the gallery.
    modules: names of modules of your own that its configuration may import; a run cannot vouch for its own code.

  Raises:
    UserError: it is damaged, is of another version, cannot be fetched, or needs a module that is not named here.
  """
  is_on_hub = str(path).startswith(hub.SCHEME)
  files = hub.read(str(path), _PARTS) if is_on_hub else packed_files.read(gallery.find(str(path)))
  return from_files(files, str(path), modules)


def from_files(files: Mapping[str, bytes], name: str, modules: Sequence[str] = ()) -> Generator:
  """Builds what `load` does, of parts that were read already; messages call them `name`."""
  try:
    card = json.loads(files['card.json'])
    if card['format'] != FORMAT:
      raise errors.DataError(f'{name} was packed by tf_stugan {card["version"]}, in another format than this version reads.')
    if unnamed := sorted(set(card['modules']) - set(modules)):
      raise errors.UserError(f'{name} was made with code that is not in it: {", ".join(unnamed)}. If you have and trust it, '
                             'name all of it: load_generator(path, modules=[...]).')
    kept, bits = (tensors.load(files[f'{part}.safetensors']) for part in ('weights', 'masks'))
    weights, masks = kept_weights.expand(kept, bits, card['shapes'])
    outputs = _build(files['config.gin'].decode(), card['image_shapes'], modules)
    for output in outputs.values():
      _assign(output, {key.removeprefix(f'{output.player}/'): value for key, value in weights.items()
                       if key.startswith(f'{output.player}/')}, name)
  except (KeyError, ValueError, TypeError, AttributeError, safetensors.SafetensorError) as error:
    raise errors.DataError(f'{name} is no packed run: {type(error).__name__}: {error}') from error
  return Generator(card, outputs, masks)


def _build(config, image_shapes, modules):
  """Returns the outputs of the configured game, with random weights."""
  with compat.preserve_gin():
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder, 'config.gin')
      path.write_text(config, encoding='utf-8')
      configuration.load([path], modules=modules)
    gan = configuration.build_configured(configuration.make_experiment().make_trainer).gan
    gan.build({domain: tuple(shape) for domain, shape in image_shapes.items()})
  return gan.outputs


def _assign(output, values, name):
  variables = state.named(output.network.variables, output.network.name)
  if {key: tuple(v.shape) for key, v in variables.items()} != {key: value.shape for key, value in values.items()}:
    raise errors.DataError(f'{name} holds other weights of {output.player} than its configuration describes.')
  for key, variable in variables.items():
    variable.assign(values[key])
