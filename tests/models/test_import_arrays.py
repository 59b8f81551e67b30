"""Forward passes of whole published networks, computed by NumPy alone from arrays in PyTorch's names and layouts.

The NumPy code below is NCHW, in float64, in the order of the operations of the papers' code: upsampling before the
convolution, pooling after it, no fused forms. An in-place ReLU works in place here, too: whoever reads its input later sees
what it left. Arrays are drawn where they are used.
"""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.models import import_arrays


class Arrays(dict):
  """Named arrays; asking for a new name draws it."""

  def __init__(self):
    super().__init__()
    self.random = np.random.default_rng(0)

  def draw(self, name, *shape, scale=1.0, mean=0.0):
    if name not in self:
      self[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)
    return self[name].astype(np.float64)


class Net:
  """Layers of one published repository: 'torch' keeps weight_orig, weight_u and weight_v, 'biggan' keeps weight and u0."""

  def __init__(self, arrays, normalization):
    self.arrays = arrays
    self.normalization = normalization

  def weight(self, name, *shape):
    fan_in = np.prod(shape[1:])
    key = f'{name}.weight_orig' if self.normalization == 'torch' else f'{name}.weight'
    weight = self.arrays.draw(key, *shape, scale=fan_in**-0.5)
    if self.normalization is None:
      return weight
    matrix = weight.reshape(shape[0], -1)
    if self.normalization == 'torch':  # both vectors are stored
      if f'{name}.weight_u' not in self.arrays:
        u = self.arrays.random.standard_normal(shape[0])
        for _ in range(3):
          v = unit(matrix.T @ u)
          u = unit(matrix @ v)
        self.arrays |= {f'{name}.weight_u': u.astype(np.float32), f'{name}.weight_v': v.astype(np.float32)}
      u, v = (self.arrays[f'{name}.weight_{letter}'].astype(np.float64) for letter in 'uv')
    else:  # one more iteration at every call
      v = unit(self.arrays.draw(f'{name}.u0', 1, shape[0])[0] @ matrix)
      u = unit(matrix @ v)
      self.arrays[f'{name}.sv0'] = np.ones(1, np.float32)
    return weight / (u @ matrix @ v)

  def conv(self, name, x, channels, size=3, bias=True):
    weight = self.weight(name, channels, x.shape[1], size, size)
    border = size // 2
    x = np.pad(x, [(0, 0), (0, 0), (border, border), (border, border)])
    h, w = x.shape[2] - size + 1, x.shape[3] - size + 1
    y = sum(np.einsum('nihw,oi->nohw', x[:, :, a:a + h, b:b + w], weight[:, :, a, b])
            for a in range(size) for b in range(size))
    return y + (self.arrays.draw(f'{name}.bias', channels)[:, None, None] if bias else 0)

  def dense(self, name, x, units, bias=True):
    y = x @ self.weight(name, units, x.shape[1]).T
    return y + (self.arrays.draw(f'{name}.bias', units) if bias else 0)

  def attention(self, name, x):
    n, c, h, w = x.shape
    theta, phi, g = (self.conv(f'{name}.{part}', x, c // share, 1, bias=False)
                     for part, share in (('theta', 8), ('phi', 8), ('g', 2)))
    theta = theta.reshape(n, -1, h * w)
    phi, g = (v.reshape(n, -1, h // 2, 2, w // 2, 2).max(axis=(3, 5)).reshape(n, -1, h * w // 4) for v in (phi, g))
    scores = np.exp(np.einsum('ncq,nck->nqk', theta, phi))
    attended = np.einsum('nck,nqk->ncq', g, scores / scores.sum(axis=2, keepdims=True)).reshape(n, c // 2, h, w)
    return x + self.arrays.draw(f'{name}.gamma', mean=0.5) * self.conv(f'{name}.o', attended, c, 1, bias=False)


def unit(v):
  return v / np.linalg.norm(v)


def relu(x):
  return np.maximum(x, 0)


def relu_in_place(x):
  return np.maximum(x, 0, out=x)


def up(x):
  return x.repeat(2, axis=2).repeat(2, axis=3)


def pool(x):
  h, w = x.shape[2] // 2, x.shape[3] // 2
  return x[:, :, :2 * h, :2 * w].reshape(*x.shape[:2], h, 2, w, 2).mean(axis=(3, 5))


def normalized(arrays, mean_name, variance_name, x, epsilon=1e-5):
  c = x.shape[1]
  mean = arrays.draw(mean_name, c)[:, None, None]
  variance = arrays.draw(variance_name, c, scale=0.1, mean=1.5)[:, None, None]
  return (x - mean) / np.sqrt(variance + epsilon)


def sngan_generator(arrays, z, bottom, channels):
  net = Net(arrays, None)
  def norm(name, x):
    gamma, beta = (arrays.draw(f'{name}.{p}', x.shape[1])[:, None, None] for p in ('weight', 'bias'))
    return normalized(arrays, f'{name}.running_mean', f'{name}.running_var', x) * gamma + beta
  x = net.dense('l1', z, channels[0] * bottom**2).reshape(len(z), channels[0], bottom, bottom)
  for i, c in enumerate(channels[1:], 2):
    h = net.conv(f'block{i}.c1', up(relu(norm(f'block{i}.b1', x))), c)
    h = net.conv(f'block{i}.c2', relu(norm(f'block{i}.b2', h)), c)
    x = h + net.conv(f'block{i}.c_sc', up(x), c, 1)
  arrays['b5.num_batches_tracked'] = np.array(7)
  return np.tanh(net.conv('c5', relu(norm('b5', x)), 3))


def discriminator_blocks(net, x, channels, downsamplings, names, attention=None, activation=relu):
  block, conv1, conv2, shortcut = names
  for i, c in enumerate(channels):
    name = block(i)
    h = net.conv(f'{name}.{conv1}', activation(x) if i else x, c)
    h = net.conv(f'{name}.{conv2}', relu(h), c)
    if i == 0:
      x = pool(h) + net.conv(f'{name}.{shortcut}', pool(x), c, 1)
    elif i < downsamplings:
      x = pool(h) + pool(net.conv(f'{name}.{shortcut}', x, c, 1))
    else:
      x = h + (net.conv(f'{name}.{shortcut}', x, c, 1) if c != x.shape[1] else x)
    if i == 0 and attention:
      x = net.attention(attention, x)
  return relu(x)


def sngan_discriminator(arrays, x, channels, downsamplings, mean_pool):
  net = Net(arrays, 'torch')
  names = (lambda i: f'block{i + 1}', 'c1', 'c2', 'c_sc')
  h = discriminator_blocks(net, x, channels, downsamplings, names)
  return net.dense('l5', h.mean(axis=(2, 3)) if mean_pool else h.sum(axis=(2, 3)), 1, bias=mean_pool)


def biggan_generator(arrays, z, y, channels, classes, shared=0, attention_after=None, epsilon=1e-5):
  net = Net(arrays, 'biggan')
  chunks = np.split(z, len(channels), axis=1) if shared else [z]
  embedded = arrays.draw('shared.weight', classes, shared)[y] if shared else None
  x = net.dense('linear', chunks[0], channels[0] * 16).reshape(len(z), channels[0], 4, 4)
  for i, c in enumerate(channels[1:]):
    name = f'blocks.{i}.0'
    def norm(bn, x, name=name, i=i):
      condition = np.concatenate([embedded, chunks[i + 1]], axis=1) if shared else None
      gain, bias = (net.dense(f'{name}.{bn}.{p}', condition, x.shape[1], bias=False) if shared else
                    arrays.draw(f'{name}.{bn}.{p}.weight', classes, x.shape[1])[y] for p in ('gain', 'bias'))
      x = normalized(arrays, f'{name}.{bn}.stored_mean', f'{name}.{bn}.stored_var', x, epsilon)
      return x * (1 + gain[:, :, None, None]) + bias[:, :, None, None]
    h = net.conv(f'{name}.conv1', up(relu(norm('bn1', x))), c)
    h = net.conv(f'{name}.conv2', relu(norm('bn2', h)), c)
    x = h + net.conv(f'{name}.conv_sc', up(x), c, 1)
    if i + 1 == attention_after:
      x = net.attention(f'blocks.{i}.1', x)
  gain, bias = (arrays.draw(f'output_layer.0.{p}', x.shape[1])[:, None, None] for p in ('gain', 'bias'))
  x = normalized(arrays, 'output_layer.0.stored_mean', 'output_layer.0.stored_var', x, epsilon) * gain + bias
  return np.tanh(net.conv('output_layer.2', relu(x), 3))


def biggan_discriminator(arrays, x, y, channels, downsamplings, classes, attention=None, activation=relu):
  net = Net(arrays, 'biggan')
  names = (lambda i: f'blocks.{i}.0', 'conv1', 'conv2', 'conv_sc')
  h = discriminator_blocks(net, x, channels, downsamplings, names, attention, activation).sum(axis=(2, 3))
  return net.dense('linear', h, 1) + (h * net.weight('embed', classes, h.shape[1])[y]).sum(axis=1, keepdims=True)


Z, Y = np.random.default_rng(1).standard_normal([3, 20]), np.array([4, 0, 2])
def from_gin(model, player, *bindings):
  """That network of gin_configs/models/, at 1/64 or 1/16 of its width."""
  def make():
    files = ('runs/train.gin', f'models/{model}.gin', 'datasets/cifar10.gin', 'metrics/classifier.gin', 'methods/dense.gin')
    configuration.load([configuration.find(f) for f in files], ['NUM_STEPS = 1', 'LATENT_SIZE = 20', *bindings])
    return getattr(configuration.make_experiment().make_trainer().gan, player)
  return make


def image(size):
  return np.random.default_rng(2).uniform(-1, 1, [3, 3, size, size])


# name: (our network, NumPy's forward pass, inputs, table of names)
CASES = {
    'sngan_32 generator': (
        from_gin('sngan', 'generator', 'GENERATOR_WIDTH = 4'),
        lambda a, z: sngan_generator(a, z, 4, [4, 4, 4, 4]), (Z,), import_arrays.SNGAN_GENERATOR),
    'sngan_48 generator': (
        from_gin('sngan_48', 'generator', 'GENERATOR_WIDTH = 1'),
        lambda a, z: sngan_generator(a, z, 6, [8, 4, 2, 1]), (Z,), import_arrays.SNGAN_GENERATOR),
    'sngan_32 discriminator': (
        from_gin('sngan', 'discriminator', 'DISCRIMINATOR_WIDTH = 4'),
        lambda a, x: sngan_discriminator(a, x, [4, 4, 4, 4], 2, False), (image(32),), import_arrays.SNGAN_DISCRIMINATOR),
    'sngan_48 discriminator': (
        from_gin('sngan_48', 'discriminator', 'DISCRIMINATOR_WIDTH = 2'),
        lambda a, x: sngan_discriminator(a, x, [2, 4, 8, 16, 32], 5, True), (image(48),),
        import_arrays.SNGAN_DISCRIMINATOR),
    'biggan_32 generator': (
        from_gin('biggan_32', 'generator', 'GENERATOR_WIDTH = 1', 'NUM_CLASSES = 5'),
        lambda a, z, y: biggan_generator(a, z, y, [4, 4, 4, 4], 5), (Z, Y), import_arrays.BIGGAN_GENERATOR),
    'biggan_64 generator': (
        from_gin('biggan_64', 'generator', 'GENERATOR_WIDTH = 5', 'NUM_CLASSES = 5',
                 'resnet.Generator.shared_embedding = 6'),
        lambda a, z, y: biggan_generator(a, z, y, [80, 40, 20, 10, 5], 5, 6, 3, 1e-4), (Z, Y),
        import_arrays.BIGGAN_GENERATOR),
    'biggan_32 discriminator': (
        from_gin('biggan_32', 'discriminator', 'DISCRIMINATOR_WIDTH = 1', 'NUM_CLASSES = 5'),
        lambda a, x, y: biggan_discriminator(a, x, y, [4, 4, 4, 4], 2, 5), (image(32), Y),
        import_arrays.BIGGAN_DISCRIMINATOR),
    'biggan_64 discriminator': (
        from_gin('biggan_64', 'discriminator', 'DISCRIMINATOR_WIDTH = 8', 'NUM_CLASSES = 5'),
        lambda a, x, y: biggan_discriminator(a, x, y, [8, 16, 32, 64, 128], 4, 5, 'blocks.0.1', relu_in_place),
        (image(64), Y), import_arrays.BIGGAN_DISCRIMINATOR),
    'diffaug_gan discriminator': (
        from_gin('diffaug_gan', 'discriminator', 'DISCRIMINATOR_WIDTH = 4', 'NUM_CLASSES = 5'),
        lambda a, x, y: biggan_discriminator(a, x, y, [8, 8, 8, 8], 2, 5, 'blocks.0.1', relu_in_place), (image(32), Y),
        import_arrays.BIGGAN_DISCRIMINATOR),
    'sagan discriminator': (
        from_gin('sagan', 'discriminator', 'DISCRIMINATOR_WIDTH = 4', 'NUM_CLASSES = 5'),
        lambda a, x, y: biggan_discriminator(a, x, y, [8, 8, 8, 8], 2, 5, 'blocks.0.1', relu_in_place), (image(32), Y),
        import_arrays.BIGGAN_DISCRIMINATOR),
    'biggan_128 discriminator': (
        from_gin('biggan_128', 'discriminator', 'DISCRIMINATOR_WIDTH = 8', 'NUM_CLASSES = 5', 'LATENT_SIZE = 24'),
        lambda a, x, y: biggan_discriminator(a, x, y, [8, 16, 32, 64, 128, 128], 5, 5, 'blocks.0.1'), (image(64), Y),
        import_arrays.BIGGAN_DISCRIMINATOR),
}


def nhwc(x):
  return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def built(case):
  make, _, inputs, names = CASES[case]
  network = make()
  network(*(tf.constant(nhwc(x), tf.int32 if x.dtype.kind == 'i' else tf.float32) for x in inputs))
  return network, names


def written(case, path):
  """An .npz of the arrays, the inputs and what NumPy makes of them."""
  _, forward, inputs, _ = CASES[case]
  arrays = Arrays()
  output = nhwc(forward(arrays, *inputs))
  np.savez(path, **arrays, output=output, **{f'inputs/{i}': nhwc(x) for i, x in enumerate(inputs)})
  return path


@pytest.mark.parametrize('case', CASES)
def test_a_published_network_computes_what_numpy_computes(case, tmp_path):
  network, names = built(case)
  arrays = np.load(written(case, tmp_path / 'arrays.npz'))
  size = np.abs(arrays['output']).max()
  assert size > 0.1
  assert import_arrays.largest_difference(network, arrays, names) < 2e-5 * max(size, 1)
  assert np.abs(arrays['output'] - arrays['output'][:1]).max() > 1e-3  # not one constant


def test_arrays_in_our_own_names_come_back():
  first, _ = built('biggan_32 generator')
  second, _ = built('biggan_32 generator')
  arrays = {name: v.numpy() for name, v in import_arrays.named_variables(first).items()}
  labels = tf.constant(Y, tf.int32)
  arrays |= {'inputs/0': Z, 'inputs/1': Y, 'output': first(tf.constant(Z, tf.float32), labels).numpy()}
  assert import_arrays.largest_difference(second, arrays) < 1e-6


def test_without_vectors_spectral_norm_is_exact():
  network, _ = built('biggan_32 discriminator')
  arrays = {n: v.numpy() for n, v in import_arrays.named_variables(network).items() if 'spectral_norm' not in n}
  import_arrays.load(network, arrays)
  for layer in (network.blocks[1].conv1, network.logits):
    normalized_kernel = layer.kernel_normalizer(layer.kernel).numpy()
    singular = np.linalg.svd(normalized_kernel.reshape(-1, layer.units), compute_uv=False)
    assert singular[0] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize('change, message', [
    (lambda a: a.pop('to_rgb/bias'), 'lack to_rgb/bias'),
    (lambda a: a.update({'to_rgb/scale': np.zeros(3)}), 'no to_rgb/scale'),
    (lambda a: a.update({'to_rgb/bias': np.zeros(4)}), r'to_rgb/bias has shape \(4,\); the generator has \(3,\)'),
])
def test_what_does_not_fit_is_refused_and_nothing_is_assigned(change, message):
  network, _ = built('sngan_32 generator')
  arrays = {name: v.numpy() + 1 for name, v in import_arrays.named_variables(network).items()}
  change(arrays)
  before = network.to_rgb.kernel.numpy()
  with pytest.raises(errors.UserError, match=message):
    import_arrays.load(network, arrays)
  np.testing.assert_array_equal(network.to_rgb.kernel, before)
