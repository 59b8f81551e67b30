"""SNGAN-32 as a Keras user would write it, the reference of tools/benchmark_step.py: stock layers and a plain train step.

No class of tf_stugan is used here, so that none of its rewritings can slip in. Layers, losses and optimizers are those of
models/sngan.gin with `runs/train.gin`; real and fake images go through the discriminator one after the other. Spectral
norm is written out because that of Keras overwrites the kernel with the normalized one (and cannot be built by
tf_keras 2.21 beside Keras 3).
"""

import tensorflow as tf
import tf_keras as keras

layers = keras.layers


def _normalized(layer, training):
  """Divides the kernel of a layer by its largest singular value, after one power iteration in training."""
  matrix = tf.reshape(layer.kernel, [-1, layer.kernel.shape[-1]])
  u = layer.u
  v = tf.math.l2_normalize(tf.linalg.matvec(tf.stop_gradient(matrix), u))
  if training:
    u = tf.math.l2_normalize(tf.linalg.matvec(tf.stop_gradient(matrix), v, transpose_a=True))
    layer.u.assign(u)
  return layer.kernel / tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)


class SpectralConv2D(layers.Conv2D):
  """Convolves with a kernel under spectral norm."""

  def build(self, input_shape):
    super().build(input_shape)
    self.u = self.add_weight('u', [self.filters], trainable=False, initializer='random_normal')

  def call(self, x, training=False):
    return tf.nn.bias_add(self.convolution_op(x, _normalized(self, training)), self.bias)


class SpectralDense(layers.Dense):
  """Multiplies by a matrix under spectral norm, without bias."""

  def build(self, input_shape):
    super().build(input_shape)
    self.u = self.add_weight('u', [self.units], trainable=False, initializer='random_normal')

  def call(self, x, training=False):
    return tf.matmul(x, _normalized(self, training))


def generator(width: int) -> keras.Model:
  """Makes the generator: latents [N, 128] -> images [N, 32, 32, 3]."""
  def norm_relu(x):
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))

  latents = layers.Input([128])
  x = layers.Reshape([4, 4, width])(layers.Dense(16 * width)(latents))
  for _ in range(3):
    h = layers.Conv2D(width, 3, padding='same')(layers.UpSampling2D()(norm_relu(x)))
    h = layers.Conv2D(width, 3, padding='same')(norm_relu(h))
    x = layers.Add()([h, layers.Conv2D(width, 1)(layers.UpSampling2D()(x))])
  return keras.Model(latents, layers.Conv2D(3, 3, padding='same', activation='tanh')(norm_relu(x)))


def discriminator(width: int) -> keras.Model:
  """Makes the discriminator: images [N, 32, 32, 3] -> logits [N, 1]."""
  def conv(size, x):
    return SpectralConv2D(width, size, padding='same')(x)

  def relu(x):
    return layers.ReLU()(x)

  pool = layers.AveragePooling2D()
  images = layers.Input([32, 32, 3])
  x = layers.Add()([pool(conv(3, relu(conv(3, images)))), conv(1, pool(images))])
  x = layers.Add()([pool(conv(3, relu(conv(3, relu(x))))), pool(conv(1, x))])
  for _ in range(2):
    x = layers.Add()([conv(3, relu(conv(3, relu(x)))), x])
  x = layers.Lambda(lambda x: tf.reduce_sum(x, axis=[1, 2]))(relu(x))
  return keras.Model(images, SpectralDense(1, use_bias=False)(x))


def updates(generator_width: int, discriminator_width: int, batch: int):
  """Returns compiled updates of discriminator (images [batch, 32, 32, 3] -> loss) and generator (how many -> loss)."""
  g, d = generator(generator_width), discriminator(discriminator_width)
  g_optimizer, d_optimizer = (keras.optimizers.Adam(2e-4, 0.0, 0.9) for _ in range(2))
  g_optimizer.build(g.trainable_variables)
  d_optimizer.build(d.trainable_variables)

  @tf.function
  def update_discriminator(images):
    fake = g(tf.random.normal([batch, 128]), training=True)
    with tf.GradientTape() as tape:
      real_logits, fake_logits = d(images, training=True), d(fake, training=True)
      loss = tf.reduce_mean(tf.nn.relu(1 - real_logits)) + tf.reduce_mean(tf.nn.relu(1 + fake_logits))
    d_optimizer.apply_gradients(zip(tape.gradient(loss, d.trainable_variables), d.trainable_variables, strict=True))
    return loss

  @tf.function
  def update_generator(generator_batch):
    with tf.GradientTape() as tape:
      loss = -tf.reduce_mean(d(g(tf.random.normal([generator_batch, 128]), training=True), training=True))
    g_optimizer.apply_gradients(zip(tape.gradient(loss, g.trainable_variables), g.trainable_variables, strict=True))
    return loss

  return update_discriminator, update_generator
