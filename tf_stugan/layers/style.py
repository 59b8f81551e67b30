"""How the layers of a network are initialized and normalized: what makes one table of layers an SNGAN or a BigGAN."""

import dataclasses

from tf_stugan.compat import keras
from tf_stugan.layers.embedding import Embedding
from tf_stugan.layers.normalization import BatchNorm
from tf_stugan.layers.normalization import ConditionalBatchNorm
from tf_stugan.layers.normalization import InstanceNorm
from tf_stugan.layers.normalization import Projection
from tf_stugan.layers.prunable import Conv2D
from tf_stugan.layers.prunable import Conv2DTranspose
from tf_stugan.layers.prunable import Dense
from tf_stugan.layers.prunable import NormalizerFn
from tf_stugan.layers.prunable import PaddedConv2D

Initializer = str | type[keras.initializers.Initializer]  # not an instance: all layers would draw the same numbers


@dataclasses.dataclass(frozen=True)
class LayerStyle:
  """Makes layers that share their initialization and normalization. The defaults are SNGAN's generator.

  Attributes:
    conv_initializer: of convolution kernels; a Keras initializer's name or class, or 'fan_in_uniform', PyTorch's default.
    dense_initializer: of dense kernels.
    embedding_initializer: of class embeddings.
    bias_initializer: of all biases.
    kernel_normalizer: of convolution and dense kernels, for example `SpectralNorm`; None leaves them as they are.
    embedding_normalizer: of class embeddings.
    batch_norm_epsilon: added to variances.
    gamma_stddev: gamma ~ N(1, gamma_stddev) at first.
  """

  conv_initializer: Initializer = 'glorot_uniform'
  dense_initializer: Initializer = 'fan_in_uniform'
  embedding_initializer: Initializer = 'glorot_uniform'
  bias_initializer: Initializer = 'fan_in_uniform'
  kernel_normalizer: NormalizerFn | None = None
  embedding_normalizer: NormalizerFn | None = None
  batch_norm_epsilon: float = 1e-5
  gamma_stddev: float = 0.02

  def conv(self, units: int, name: str, kernel_size: int = 3, resample: str | None = None, use_bias: bool = True) -> Conv2D:
    """Makes a convolution with a change of resolution, if one is named; see `Conv2D`."""
    return Conv2D(units, kernel_size, resample, use_bias=use_bias, name=name, **self._of_convolutions())

  def padded_conv(self, units: int, name: str, kernel_size: int = 3, stride: int = 1, reflect: bool = False) -> PaddedConv2D:
    """Makes a convolution with a border of zeros or, with `reflect`, of mirrored pixels; see `PaddedConv2D`."""
    return PaddedConv2D(units, kernel_size, stride, reflect, name=name, **self._of_convolutions())

  def conv_transpose(self, units: int, name: str, kernel_size: int) -> Conv2DTranspose:
    """Makes a transposed convolution with stride 2."""
    return Conv2DTranspose(units, kernel_size, name=name, **self._of_convolutions())

  def _of_convolutions(self):
    return {'kernel_initializer': self.conv_initializer, 'bias_initializer': self.bias_initializer,
            'kernel_normalizer': self.kernel_normalizer}

  def dense(self, units: int, name: str, use_bias: bool = True, prunable: bool = True) -> Dense:
    """Makes a dense layer, [N, C_in] -> [N, units]."""
    return Dense(
        units, use_bias=use_bias, kernel_initializer=self.dense_initializer, bias_initializer=self.bias_initializer,
        kernel_normalizer=self.kernel_normalizer, prunable=prunable, name=name)

  def embedding(self, num_classes: int, units: int, name: str) -> Embedding:
    """Makes an embedding: labels int32 [N] -> [N, units]."""
    return Embedding(num_classes, units, self.embedding_initializer, self.embedding_normalizer, name=name)

  def batch_norm(self, name: str) -> BatchNorm:
    """Makes a normalization whatever the condition."""
    return BatchNorm(name, epsilon=self.batch_norm_epsilon, gamma_stddev=self.gamma_stddev)

  def conditional_batch_norm(self, projection: Projection, name: str) -> ConditionalBatchNorm:
    """Makes a normalization with gain and bias that `projection` makes of the condition."""
    return ConditionalBatchNorm(projection, name, epsilon=self.batch_norm_epsilon)

  def instance_norm(self, name: str, affine: bool = True) -> InstanceNorm:
    """Makes a normalization of each image by itself."""
    return InstanceNorm(name, affine=affine)
