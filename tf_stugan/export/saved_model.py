"""A generator as a TensorFlow SavedModel, for servers and other converters. It is a program: load only trusted ones."""

import pathlib

import tensorflow as tf

from tf_stugan import quiet
from tf_stugan.gans.outputs import Output


def save(output: Output, path: pathlib.Path, batch_size: int) -> None:
  """Writes a folder with one signature, 'serving_default', of `output.signature` to 'images'."""
  serve = tf.function(lambda *inputs: {'images': output.network(*inputs, training=False)}, autograph=False)
  serve = serve.get_concrete_function(*output.signature(batch_size))
  module = tf.Module()
  module.network = output.network
  module.serve = serve
  with quiet.hold_back():
    tf.saved_model.save(module, str(path), {'serving_default': serve})
