"""Every form of an upsampling with its convolution computes what the plain sequence of operations does."""

import numpy as np
import pytest
import tensorflow as tf

from tf_stugan.export import upsampling


@pytest.mark.parametrize('form', upsampling.FORMS)
def test_forms_are_a_convolution_of_repeated_pixels(form):
  random = np.random.default_rng(1)
  x = random.normal(size=[2, 4, 6, 3]).astype(np.float32)
  kernel = random.normal(size=[3, 3, 3, 5]).astype(np.float32)
  expected = tf.nn.conv2d(x.repeat(2, axis=1).repeat(2, axis=2), kernel, 1, 'SAME')
  np.testing.assert_allclose(upsampling.FORMS[form](tf.constant(x), kernel), expected, atol=1e-5)
