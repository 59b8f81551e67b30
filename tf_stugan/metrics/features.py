"""Feature extractors: what turns images into the features and class logits that metrics compare."""

import abc
from collections.abc import Mapping
import hashlib
import json
import logging
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras
from tf_stugan.compat import tfgan
from tf_stugan.data import images as images_lib
from tf_stugan.metrics.logit_bias import logit_bias

_LOG = logging.getLogger(__name__)
_SIZE = tfgan.eval.INCEPTION_DEFAULT_IMAGE_SIZE


class FeatureExtractor(abc.ABC):
  """uint8 images [N, H, W, C] -> (features [N, F], logits [N, K]), once prepared.

  Attributes:
    names: what scores are called that have a name of their own with its features, by the name of their definition. Without
      one for 'is' it knows no classes, and gives None for logits.
    kind: what all other scores are told apart by: 'classifier' makes 'recall' the 'classifier_recall'.
    description: what is stored beside every score, so that two numbers can be told to be comparable.
    identity: changes where the features might; what is computed of them is cached by it. Empty where that is not known:
      then nothing is cached.
  """

  names: Mapping[str, str] = {'fid': 'fcd', 'is': 'cs', 'kid': 'kcd'}
  kind = 'classifier'
  description = ''
  identity = ''

  @abc.abstractmethod
  def prepare(self, data: images_lib.Images, cache_dir: pathlib.Path) -> None:
    """Loads or trains what is needed. Called before step 0. Raises UserError where it cannot be had."""

  @abc.abstractmethod
  def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    ...

  def score_name(self, name: str) -> str:
    """Returns what a score is called with these features."""
    return self.names.get(name, f'{self.kind}_{name}')


class Inception(FeatureExtractor):
  """TF-GAN's Inception: 2,048 pool_3 features and 1,008 logits, in the protocol of the published FID and IS by default.

  Args:
    location: a tfhub.dev address, or a folder with the module (a SavedModel whose result has 'pool_3' and 'logits').
    legacy_resize: images are enlarged to 299 x 299 by the bilinear rule of TensorFlow 1, whose pixels have no half-pixel
      centres, as the graph of 2015 does it; False takes TensorFlow 2's.
    logits_with_bias: the logits are the module's own; the published IS leaves out the bias of the last layer.
  """

  names = {name: name for name in ('fid', 'is', 'kid', 'prd', 'prd_f8', 'prd_f1_8')}
  kind = 'inception'

  def __init__(self, location: str = tfgan.eval.INCEPTION_TFHUB, legacy_resize: bool = True, logits_with_bias: bool = False):
    self.location = location
    self.legacy_resize = legacy_resize
    self.logits_with_bias = logits_with_bias

  def prepare(self, data, cache_dir):
    del cache_dir
    try:
      import tensorflow_hub  # pylint: disable=g-import-not-at-top
    except ImportError as error:
      raise errors.UserError(
          'Inception is read by TensorFlow Hub, which is not installed: pip install tensorflow-hub; or use '
          'metrics/classifier.gin, which does without.') from error
    is_address = self.location.startswith('http')
    if not is_address and not os.path.isdir(self.location):
      raise errors.UserError(f'Inception.location {self.location!r} is not a folder. {_INCEPTION_HELP}')
    try:
      self._module = tf.function(tensorflow_hub.load(self.location))
      bias = None if self.logits_with_bias else logit_bias(
          self._module, tf.TensorSpec([None, _SIZE, _SIZE, 3]), 'pool_3', 'logits')
      self._bias = 0.0 if bias is None else bias
      features, _ = self(data.images[:2])
      digest = _digest(pathlib.Path(tensorflow_hub.resolve(self.location)))
    except Exception as error:  # pylint: disable=broad-except  (a download, an archive or a graph can fail in many ways)
      raise errors.UserError(
          f'Inception could not be loaded from {self.location} ({type(error).__name__}: '
          f'{errors.first_line(error)}). {_INCEPTION_HELP}') from error
    if bias is None and not self.logits_with_bias:
      _LOG.warning('The bias of the logits of %s cannot be told from its graph: they are taken as they are.', self.location)
    resize = 'TensorFlow 1' if self.legacy_resize else 'TensorFlow 2'
    logits = 'without bias' if bias is not None else 'with bias' if self.logits_with_bias else 'as they are'
    self.description = f'Inception {self.location}, bilinear resize of {resize}, logits {logits}'
    self.identity = f'{digest} {resize}' if digest else ''
    _LOG.info('Inception features: %d', features.shape[1])

  def __call__(self, images):
    x = tf.cast(images, tf.float32)
    if x.shape[-1] == 1:
      x = tf.repeat(x, 3, axis=-1)
    resize = tf.compat.v1.image.resize_bilinear if self.legacy_resize else tf.image.resize
    result = self._module((resize(x, [_SIZE] * 2) - 128.0) / 128.0)  # [-1, 1), as TF-GAN's own preprocessing has it
    return result['pool_3'].numpy(), result['logits'].numpy() - self._bias


def _digest(folder):
  """Hashes names and bytes of all files in it; empty where there are none, as where TF Hub reads from a bucket."""
  files = sorted(path for path in folder.rglob('*') if path.is_file())
  digest = hashlib.sha256()
  for path in files:
    digest.update(f'{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n'.encode())
  return digest.hexdigest() if files else ''


_INCEPTION_HELP = (
    'Download https://tfhub.dev/tensorflow/tfgan/eval/inception/1?tf-hub-format=compressed on a machine that has access, '
    "unpack it, and set INCEPTION_LOCATION = '/path/to/folder'. No download is needed for metrics/classifier.gin (where "
    'there are labels), metrics/random_network.gin and metrics/none.gin (no scores).')


class Classifier(FeatureExtractor):
  """A small convolutional classifier of the training data's own labels, for work without a download.

  It is trained once for a data set and these settings, and cached; its hash is part of the description. Its scores
  compare runs of one project. They are not FID, and not comparable with the literature.

  Args:
    width: channels of the first layer; the last layer has four times as many, which are the features.
    steps: training steps.
    batch_size: images a training step.
    seed: of its weights and data order.
  """

  def __init__(self, width: int = 32, steps: int = 4000, batch_size: int = 64, seed: int = 0):
    errors.check_counts(self, width=width, steps=steps, batch_size=batch_size)
    errors.check_counts(self, 0, errors.LARGEST_SEED, seed=seed)
    self.width = width
    self.steps = steps
    self.batch_size = batch_size
    self.seed = seed

  def prepare(self, data, cache_dir):
    settings = {'width': self.width, 'steps': self.steps, 'batch_size': self.batch_size, 'seed': self.seed,
                'data': data.fingerprint, 'version': 2}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    path = pathlib.Path(cache_dir) / f'{self.kind}-{key}.npz'
    keras.utils.set_random_seed(self.seed)
    self._network = keras.Sequential(self._stack(data))
    if path.exists():
      self._load(path)
    else:
      accuracy = self._train(data)
      save_arrays(path, {f'w{i:03d}': array for i, array in enumerate(self._network.get_weights())})
      _LOG.info('Trained the feature classifier for %s: %.1f %% of its training images right; kept in %s',
                   data.name, 100 * accuracy, path)
    self._features = tf.function(keras.Model(self._network.inputs, [self._network.layers[-2].output,
                                                                   self._network.output]), autograph=False)
    digest = hashlib.sha256()
    for weight in self._network.get_weights():
      digest.update(weight.tobytes())
    self.description = f'{self.kind.replace("_", " ")} {digest.hexdigest()[:12]} trained on {data.name}'
    self.identity = f'{self.kind} {digest.hexdigest()}'

  def _stack(self, data):
    """Lists the layers; the last but one puts out the features."""
    layers = keras.layers
    stack = [layers.Input(data.image_shape)]
    for channels in (self.width, 2 * self.width, 4 * self.width):
      # In short trainings, too, running statistics forget the first steps.
      norm = layers.BatchNormalization(momentum=min(0.99, 1 - 10 / max(self.steps, 20)))
      stack += [layers.Conv2D(channels, 3, padding='same', use_bias=False), norm,
                layers.ReLU(), layers.MaxPool2D()]
    stack += [layers.Conv2D(4 * self.width, 3, padding='same', activation='relu'), layers.GlobalAveragePooling2D(),
              layers.Dense(data.num_classes)]
    return stack

  def _load(self, path):
    try:
      with np.load(path, allow_pickle=False) as arrays:
        self._network.set_weights([arrays[f'w{i:03d}'] for i in range(len(arrays.files))])
    except Exception as error:  # pylint: disable=broad-except  (a damaged archive fails in many ways)
      raise errors.UserError(f'The cached classifier {path} is damaged ({error}); delete it and try again.') from error

  def _train(self, data):
    if data.num_classes < 2:
      raise errors.UserError(
          f'{data.name} has no labels to train a classifier on. Put --gin_file=metrics/random_network.gin on top, which '
          'needs none, or metrics/none.gin (no scores), or metrics/inception.gin.')
    _LOG.info('Training the feature classifier for %s (once; later runs find it in the cache) ...', data.name)
    draws = {'classifier': images_lib.Draw(1, min(self.batch_size, len(data)), ('data',))}
    batches = images_lib.batches({'data': data}, draws, self.seed)
    batches = batches.map(lambda b: tuple(x[0] for x in b['classifier']['data']))
    rate = keras.optimizers.schedules.CosineDecay(2e-3, self.steps)
    self._network.compile(
        keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
    with images_lib.in_use([data]):
      self._network.fit(batches, steps_per_epoch=self.steps, verbose=0)
    return self._network.evaluate(
        images_lib.to_float(data.images[:5000]), data.labels[:5000], batch_size=250, verbose=0)[1]

  def maps(self, images: tf.Tensor) -> list[tf.Tensor]:
    """Returns what its four ReLUs put out, [N, h, w, c] each, of images [N, H, W, C] in [-1, 1] of any size."""
    x, found = tf.cast(images, tf.float32), []
    for layer in self._network.layers[:-2]:
      x = layer(x, training=False)
      if isinstance(layer, keras.layers.ReLU):
        found.append(x)
    return [*found, x]

  def __call__(self, images):
    features, logits = self._features(images_lib.to_float(images), training=False)
    return features.numpy(), logits.numpy()


def save_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays beside their place and renames them, so that a stopped process leaves no half of a file in the cache."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with errors.naming(path), tempfile.TemporaryDirectory(dir=path.parent) as folder:
    written = pathlib.Path(folder, path.name)
    np.savez(written, **arrays)
    os.replace(written, path)
