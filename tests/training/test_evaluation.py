import numpy as np
import pytest

from tf_stugan.data import random_images
from tf_stugan.training import evaluation


class Brightness:
  """A feature extractor: the mean of each channel."""

  is_inception = False
  description = 'brightness'

  def prepare(self, data, cache_dir):
    del data, cache_dir

  def __call__(self, images):
    features = images.reshape(len(images), -1, 3).mean(axis=1)
    return features, features


class Recorder:
  """A GAN that notes what it is asked for."""

  def __init__(self):
    self.calls = []

  def sample(self, seeds, batch_statistics=False):
    self.calls.append((len(seeds), batch_statistics))
    return np.zeros([len(seeds), 4, 4, 3], np.float32)


@pytest.mark.parametrize('batch_statistics, sizes', [(False, [6, 4]), (True, [6, 6])])
def test_batch_statistics_are_those_of_whole_batches_and_named_in_the_protocol(batch_statistics, sizes, tmp_path):
  counted = []
  evaluator = evaluation.Evaluator(
      Brightness(), [lambda real, fake: counted.append(fake.count) or {}], 10, 6, batch_statistics)
  evaluator.prepare(random_images.RandomImages(12, 4).load(), tmp_path)
  gan = Recorder()
  evaluator.evaluate(gan)
  assert gan.calls == [(size, batch_statistics) for size in sizes]
  assert counted == [10]
  assert evaluator.protocol()['generator'] == (
      'average, BatchNorm statistics of batches of 6' if batch_statistics else 'average, running BatchNorm statistics')
