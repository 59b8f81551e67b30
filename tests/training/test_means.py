import pytest
import tensorflow as tf

from tf_stugan.training.means import Means


def test_means_of_what_was_added_since_the_last_reset():
  means = Means(['a', 'b', 'c'])
  means.add({'a': tf.constant(1.0), 'b': tf.constant(4.0)})
  means.add({'a': tf.constant(2.0)})
  assert means.result() == {'a': pytest.approx(1.5), 'b': pytest.approx(4.0)}
  means.reset()
  assert means.result() == {}
