"""CycleGAN as a Keras user would write it, the reference of tools/benchmark_cycle_gan.py: stock layers, a plain train step.

No class of tf_stugan is used here. Networks, losses and optimizers are those of models/cycle_gan.gin; there is no buffer of
old translations, and every pass through a network is one of its own.
"""

import tensorflow as tf
import tf_keras as keras

layers = keras.layers
_START = keras.initializers.RandomNormal(0.0, 0.02)


def _norm(x, affine=True):
  return layers.GroupNormalization(groups=-1, epsilon=1e-5, center=affine, scale=affine)(x)


def _conv(x, channels, size, stride=1, mirrored=False):
  border = (size - 1) // 2
  if mirrored:
    x = layers.Lambda(lambda x: tf.pad(x, [[0, 0], [border, border], [border, border], [0, 0]], 'REFLECT'))(x)
  else:
    x = layers.ZeroPadding2D(border)(x)
  return layers.Conv2D(channels, size, stride, kernel_initializer=_START)(x)


def translator(width: int, num_blocks: int, resolution: int) -> keras.Model:
  """Makes the network of a translator: images [N, R, R, 3] -> images of the same shape."""
  relu = layers.ReLU()
  images = layers.Input([resolution, resolution, 3])
  x = relu(_norm(_conv(images, width, 7, mirrored=True)))
  x = relu(_norm(_conv(x, 2 * width, 3, 2)))
  x = relu(_norm(_conv(x, 4 * width, 3, 2), affine=False))
  for _ in range(num_blocks):
    h = relu(_norm(_conv(x, 4 * width, 3, mirrored=True)))
    x = layers.Add()([x, _norm(_conv(h, 4 * width, 3, mirrored=True), affine=False)])
  for channels in (2 * width, width):
    x = relu(_norm(layers.Conv2DTranspose(channels, 3, 2, 'same', kernel_initializer=_START)(x)))
  return keras.Model(images, layers.Activation('tanh')(_conv(x, 3, 7, mirrored=True)))


def discriminator(width: int, resolution: int) -> keras.Model:
  """Makes the network of a discriminator: images [N, R, R, 3] -> scores [N, h, w, 1]."""
  images = layers.Input([resolution, resolution, 3])
  x = layers.LeakyReLU(0.2)(_conv(images, width, 4, 2))
  for channels, stride in ((2 * width, 2), (4 * width, 2), (8 * width, 1)):
    x = layers.LeakyReLU(0.2)(_norm(_conv(x, channels, 4, stride)))
  return keras.Model(images, _conv(x, 1, 4))


def step(generator_width: int, discriminator_width: int, num_blocks: int, resolution: int):
  """Returns a compiled step, (images of a, images of b) -> loss of the translators."""
  g, f = (translator(generator_width, num_blocks, resolution) for _ in range(2))
  d_a, d_b = (discriminator(discriminator_width, resolution) for _ in range(2))
  movers = [g.trainable_variables + f.trainable_variables, d_a.trainable_variables, d_b.trainable_variables]
  optimizers = [keras.optimizers.Adam(2e-4, 0.5) for _ in movers]
  for optimizer, variables in zip(optimizers, movers, strict=True):
    optimizer.build(variables)

  def distance(x, y):
    return tf.reduce_mean(tf.abs(x - y))

  def squares(scores, target):
    return tf.reduce_mean((scores - target)**2)

  @tf.function
  def run(a, b):
    with tf.GradientTape() as tape:
      fake_b, fake_a = g(a, training=True), f(b, training=True)
      loss = squares(d_b(fake_b, training=True), 1) + squares(d_a(fake_a, training=True), 1)
      loss += 10 * (distance(f(fake_b, training=True), a) + distance(g(fake_a, training=True), b))
      loss += 5 * (distance(g(b, training=True), b) + distance(f(a, training=True), a))
    optimizers[0].apply_gradients(zip(tape.gradient(loss, movers[0]), movers[0], strict=True))
    for i, (d, real, fake) in enumerate([(d_a, a, fake_a), (d_b, b, fake_b)], 1):
      with tf.GradientTape() as tape:
        judged = (squares(d(real, training=True), 1) + squares(d(fake, training=True), 0)) / 2
      optimizers[i].apply_gradients(zip(tape.gradient(judged, movers[i]), movers[i], strict=True))
    return loss

  return run
