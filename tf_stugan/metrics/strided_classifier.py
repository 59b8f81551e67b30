"""A second classifier behind scores, for rankings that shall not be those of the first."""

from tf_stugan.compat import keras
from tf_stugan.metrics.features import Classifier


class StridedClassifier(Classifier):
  """A classifier of another architecture: 5 x 5 kernels, strides, layer norm and GELU in the place of 3 x 3 kernels,
  pooling, batch norm and ReLU. Its scores have names of their own.

  Args:
    width: as that of Classifier, as are all others.
    steps: training steps.
    batch_size: images a training step.
    seed: of its weights and data order.
  """

  names = {'fid': 'strided_fcd', 'is': 'strided_cs', 'kid': 'strided_kcd'}
  kind = 'strided_classifier'

  def _stack(self, data):
    layers = keras.layers
    stack = [layers.Input(data.image_shape)]
    for channels, stride in ((self.width, 1), (2 * self.width, 2), (4 * self.width, 2), (4 * self.width, 2)):
      stack += [layers.Conv2D(channels, 5, stride, padding='same'), layers.LayerNormalization(),
                layers.Activation(keras.activations.gelu)]
    return [*stack, layers.GlobalAveragePooling2D(), layers.Dense(data.num_classes)]
