"""How much the protocol of FID and IS matters: TensorFlow 1's or 2's bilinear resize, logits with or without bias.

Two sets of random images are scored each way, with Inception or, where it is not at hand, with a stand-in: one random
convolution, global mean, and one random layer for the logits. It has Inception's interface and says how large such
differences are at all; those of Inception itself take --location.

  python tools/inception_protocols.py
  python tools/inception_protocols.py --location=/path/to/inception
"""

import pathlib
import sys
import tempfile

from absl import app
from absl import flags
import numpy as np
import tensorflow as tf
import user_errors

from tf_stugan import rng
from tf_stugan.data.images import Images
from tf_stugan.metrics import features
from tf_stugan.metrics import fid
from tf_stugan.metrics import inception_score
from tf_stugan.metrics import samples

_LOCATION = flags.DEFINE_string('location', '', 'Folder or address of Inception; the stand-in if not given.')
_IMAGES = flags.DEFINE_integer('images', 2000, 'Of each set.')


class StandIn(tf.Module):
  """Computes 64 features and 10 logits of images [N, 299, 299, 3], under the names that Inception gives them."""

  def __init__(self):
    super().__init__()
    self.kernel = tf.Variable(rng.normal([11, 11, 3, 64], rng.seed(0, 'kernel')) / 363**0.5)
    self.weights = tf.Variable(rng.normal([64, 10], rng.seed(0, 'weights')) * 8)
    self.bias = tf.Variable(rng.normal([10], rng.seed(0, 'bias')))

  @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3])])
  def __call__(self, x):
    pooled = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, self.kernel, 4, 'VALID')), axis=[1, 2])
    return {'pool_3': pooled, 'logits': pooled @ self.weights + self.bias}


def random_images(seed, detail):
  """Draws uint8 [N, 32, 32, 3]: noise of 8 x 8 in blocks, and some noise of single pixels upon it."""
  coarse, fine = (rng.normal([_IMAGES.value, size, size, 3], rng.seed(seed, name)).numpy()
                  for size, name in ((8, 'coarse'), (32, 'fine')))
  pixels = 127.5 + 50 * coarse.repeat(4, axis=1).repeat(4, axis=2) + detail * fine
  images = np.clip(pixels, 0, 255).astype(np.uint8)
  return Images('random', images, np.zeros(len(images), np.int32), 1)


def main(_):
  with tempfile.TemporaryDirectory() as folder:
    location = _LOCATION.value or folder
    if location == folder:
      tf.saved_model.save(StandIn(), folder)
    real, fake = random_images(1, 20), random_images(2, 30)

    def gather(data, **protocol):
      extractor = features.Inception(location, **protocol)
      extractor.prepare(data, pathlib.Path(folder))
      return samples.gather(extractor, np.array_split(data.images, -(-len(data) // 100)), len(data))
    published = {'legacy_resize': True, 'logits_with_bias': False}
    a, b = gather(real, **published), gather(fake, **published)
    a2, b2 = (gather(data, legacy_resize=False, logits_with_bias=True) for data in (real, fake))
    scores = {
        'FID, published resize': fid.fid(a, b)['fid'], "FID, TensorFlow 2's resize": fid.fid(a2, b2)['fid'],
        'FID between the two ways to resize the same images': fid.fid(a, a2)['fid'],
        'IS, published': inception_score.inception_score(a, b)['is'],
        "IS, with bias and TensorFlow 2's resize": inception_score.inception_score(a, b2)['is'],
        'IS, with bias': inception_score.inception_score(
            a, gather(fake, legacy_resize=True, logits_with_bias=True))['is']}
    for name, value in scores.items():
      sys.stdout.write(f'{name:<52}{value:12.4g}\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
