"""Convolution and dense layers that can carry a mask beside their kernel.

The mask is *not* in the forward graph. Between steps `kernel == kernel * mask` holds (the trainer sees to it), so the
layer computes with the kernel as it is: gradients of pruned weights come for free (regrowth ranks them), spectral norm
sees the true kernel, and a masked step costs what a dense one costs.
"""

from collections.abc import Callable
import math

import tensorflow as tf

from tf_stugan.compat import keras
from tf_stugan.layers import resampling

NormalizerFn = Callable[[], keras.layers.Layer]


class _Prunable(keras.layers.Layer):
  """A layer with `kernel`, optional `bias`, optional kernel normalizer, and a mask that exists once it is asked for.

  Attributes:
    void_bias: True where what follows takes the mean of each channel away again (BatchNorm, InstanceNorm). The gradient of
      the bias is 0 then; computed, it is nothing but rounding, which Adam scales up to whole steps, and replicas round
      differently. So it is not computed. Set it before the layer is called.
  """

  void_bias = False

  def __init__(self, units, use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='fan_in_uniform',
               kernel_normalizer: NormalizerFn | None = None, prunable=True, **kwargs):
    super().__init__(**kwargs)
    self.units = units
    self.use_bias = use_bias
    self.kernel_initializer = kernel_initializer
    self.bias_initializer = bias_initializer
    self.kernel_normalizer = kernel_normalizer() if kernel_normalizer else None
    self.prunable = prunable
    self.kernel_mask = None
    self.positions = None  # how often each weight is multiplied for one image; known once built

  def _add_kernel(self, shape):
    fan_in = math.prod(shape[:-1])
    # Never cast by Keras: sigma is computed from the float32 kernel, whatever the layer computes in.
    self.kernel = self.add_weight(
        'kernel', shape, initializer=_initializer(self.kernel_initializer, fan_in), experimental_autocast=False)
    self.bias = None
    if self.use_bias:
      self.bias = self.add_weight('bias', [self.units], initializer=_initializer(self.bias_initializer, fan_in))

  def _effective_kernel(self, training):
    kernel = tf.convert_to_tensor(self.kernel)
    if self.kernel_normalizer is not None:
      kernel = self.kernel_normalizer(kernel, training=training)
    return tf.cast(kernel, self.compute_dtype)

  def _add_bias(self, x):
    if self.bias is None:
      return x
    return tf.nn.bias_add(x, tf.stop_gradient(self.bias) if self.void_bias else self.bias)

  def create_mask(self) -> tf.Variable:
    """Creates the mask variable: bool, of the kernel's shape, all True at first."""
    if self.kernel_mask is None:
      self.kernel_mask = self.add_weight(
          'kernel_mask', self.kernel.shape, dtype=tf.bool, trainable=False, initializer=_all_true)
    return self.kernel_mask

  @property
  def multiply_adds(self) -> int:
    """Multiply-adds of one image with every weight present, biases not counted. Known once built."""
    return self.positions * self.kernel.shape.num_elements()


# By name: the function, and the resolution at which products are counted against that of the input.
_RESAMPLE = {
    None: (resampling.conv, 1), 'up': (resampling.upsample_conv, 2), 'down': (resampling.conv_pool, 1),
    'stride': (resampling.strided_conv, 0.5)}


class Conv2D(_Prunable):
  """Convolution with SAME padding over NHWC, with a change of resolution if one is named.

  Args:
    units: output channels.
    kernel_size: height and width of the kernel [k, k, C_in, units].
    resample: None; 'up' for nearest upsampling before the convolution; 'down' for 2 x 2 mean pooling after it;
      'stride' for a convolution with stride 2.
    use_bias: adds a bias [units].
    kernel_initializer: a Keras initializer's name or class, or 'fan_in_uniform' for U(+-1/sqrt(fan_in)), PyTorch's default.
    bias_initializer: likewise.
    kernel_normalizer: makes a layer that maps the kernel to the one convolved with, for example `SpectralNorm`.
    prunable: False keeps the layer dense whatever is masked.
  """

  def __init__(self, units, kernel_size=3, resample=None, **kwargs):
    super().__init__(units, **kwargs)
    self.kernel_size = kernel_size
    self.convolve, self.scale = _RESAMPLE[resample]
    self.finish = None
    if resample == 'up' and kernel_size == 1:  # all but the repetition of pixels is done where there are fewer
      self.convolve, self.finish = resampling.conv, resampling.upsample_nearest

  def build(self, input_shape):
    self._add_kernel([self.kernel_size, self.kernel_size, input_shape[-1], self.units])
    # Counted where the papers compute it: after upsampling, before pooling.
    self.positions = math.ceil(input_shape[1] * self.scale) * math.ceil(input_shape[2] * self.scale)
    super().build(input_shape)

  def call(self, x, training=False):
    x = self._add_bias(self.convolve(x, self._effective_kernel(training)))
    return x if self.finish is None else self.finish(x)


class PaddedConv2D(_Prunable):
  """Convolution with p = (kernel_size - 1) // 2 pixels added on each of the four sides, as PyTorch's `padding=p` has it.

  [N, H, W, C_in] -> [N, (H + 2p - kernel_size) // stride + 1, likewise W, units]. SAME padding is another: where it adds an
  odd number of pixels, the larger half comes after the image.

  Args:
    units, kernel_size: as in `Conv2D`, and likewise all arguments that are not named here.
    stride: in both directions.
    reflect: the border mirrors the image, without repeating its outermost pixels; it is 0 otherwise.
  """

  def __init__(self, units, kernel_size=3, stride=1, reflect=False, **kwargs):
    super().__init__(units, **kwargs)
    self.kernel_size = kernel_size
    self.stride = stride
    self.padding = [[0, 0], *[[(kernel_size - 1) // 2] * 2] * 2, [0, 0]]
    self.padding_mode = 'REFLECT' if reflect else 'CONSTANT'

  def build(self, input_shape):
    self._add_kernel([self.kernel_size, self.kernel_size, input_shape[-1], self.units])
    sides = (size + sum(added) for size, added in zip(input_shape[1:3], self.padding[1:3], strict=True))
    self.positions = math.prod((side - self.kernel_size) // self.stride + 1 for side in sides)
    super().build(input_shape)

  def call(self, x, training=False):
    x = tf.pad(x, self.padding, self.padding_mode)
    return self._add_bias(tf.nn.conv2d(x, self._effective_kernel(training), self.stride, 'VALID'))


class Conv2DTranspose(_Prunable):
  """Transposed convolution with stride 2: [N, H, W, C_in] -> [N, 2H, 2W, units].

  Aligned as PyTorch's with padding p = (k - 1) // 2 and output_padding k % 2: row i of the input reaches row 2i + a - p
  through row a of the kernel. The kernel is [k, k, units, C_in], as TensorFlow has it. Arguments as in `Conv2D`;
  kernel_size at least 2.
  """

  def __init__(self, units, kernel_size=4, **kwargs):
    super().__init__(units, **kwargs)
    self.kernel_size = kernel_size

  def build(self, input_shape):
    self._add_kernel([self.kernel_size, self.kernel_size, self.units, input_shape[-1]])
    self.positions = input_shape[1] * input_shape[2]
    super().build(input_shape)

  def call(self, x, training=False):
    batch, height, width, kernel = tf.shape(x)[0], 2 * x.shape[1], 2 * x.shape[2], self._effective_kernel(training)
    if self.kernel_size % 2:  # SAME would be aligned one pixel further up and left
      begin, more = (self.kernel_size - 1) // 2, self.kernel_size - 2
      whole = [batch, height + more, width + more, self.units]
      x = tf.nn.conv2d_transpose(x, kernel, whole, 2, 'VALID')[:, begin:begin + height, begin:begin + width]
    else:
      x = tf.nn.conv2d_transpose(x, kernel, [batch, height, width, self.units], 2, 'SAME')
    return self._add_bias(x)


class Dense(_Prunable):
  """x [N, C_in] -> [N, units]. Arguments as in `Conv2D`."""

  def build(self, input_shape):
    self._add_kernel([input_shape[-1], self.units])
    self.positions = 1
    super().build(input_shape)

  def call(self, x, training=False):
    x = tf.matmul(x, self._effective_kernel(training))
    return self._add_bias(x)


def _all_true(shape, dtype=None, **_):
  return tf.ones(shape, dtype)


def _initializer(initializer, fan_in: int):
  if initializer == 'fan_in_uniform':
    return keras.initializers.RandomUniform(-fan_in**-0.5, fan_in**-0.5)
  return keras.initializers.get(initializer)


def kernel_layers(network: keras.Model) -> dict[str, _Prunable]:
  """Returns the (built) layers of a network with kernels, by path ('block1/conv1'), in the order of its variables."""
  prefix = network.name + '/'
  layers = {
      layer.kernel.name.removeprefix(prefix).removesuffix('/kernel:0'): layer
      for layer in network.submodules if isinstance(layer, _Prunable)}
  order = {id(variable): i for i, variable in enumerate(network.variables)}
  return dict(sorted(layers.items(), key=lambda item: order[id(item[1].kernel)]))


def prunable_layers(network: keras.Model) -> dict[str, _Prunable]:
  """Returns those of `kernel_layers` that can be masked."""
  return {path: layer for path, layer in kernel_layers(network).items() if layer.prunable}
