"""Features that need neither labels nor a download: those of a network that was never trained."""

import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan import rng
from tf_stugan.data import images as images_lib
from tf_stugan.metrics.features import FeatureExtractor

_LAYERS = 4  # each halves the resolution and doubles the channels


class RandomNetwork(FeatureExtractor):
  """Four convolutions with fixed random weights; features are the means of each channel of each layer over all positions.

  Untrained features tell sets of images apart by colours and textures, less by what they show (compare Naeem et al., 2020,
  https://arxiv.org/abs/2002.09797, who measure with an untrained VGG-16, too). The scores are called RFD and RKD. They are
  the same for everyone with the same images, and comparable within one data set only; they are not FID and KID.

  Args:
    width: channels of the first layer.
    seed: of the weights.
  """

  names = {'fid': 'rfd', 'kid': 'rkd'}
  kind = 'random'

  def __init__(self, width: int = 32, seed: int = 0):
    errors.check_counts(self, width=width)
    errors.check_counts(self, 0, errors.LARGEST_SEED, seed=seed)
    self.width = width
    self.seed = seed
    self.description = f'random network of width {width}, seed {seed}'
    self.identity = f'{self.description}, version 1'

  def prepare(self, data, cache_dir):
    del cache_dir
    channels = [data.image_shape[-1], *(self.width * 2**i for i in range(_LAYERS))]
    kernels = []
    for i, (c_in, c_out) in enumerate(zip(channels[:-1], channels[1:], strict=True)):
      weights = rng.normal([3, 3, c_in, c_out], rng.seed(self.seed, 'random_network', i))
      kernels.append(weights * (2 / (9 * c_in))**0.5)  # keeps the size of activations (He et al., 2015)

    def features(images):
      x, means = images_lib.to_float(images), []
      for kernel in kernels:
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, 'SAME'))
        means.append(tf.reduce_mean(x, axis=[1, 2]))
      return tf.concat(means, axis=1)
    self._features = tf.function(
        features, input_signature=[tf.TensorSpec([None, *data.image_shape], tf.uint8)], autograph=False)

  def __call__(self, images: np.ndarray):
    return self._features(images).numpy(), None
