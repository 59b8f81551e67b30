"""A generator as a TensorFlow SavedModel, for servers and other converters. It is a program: load only trusted ones."""

import pathlib

import tensorflow as tf

from tf_stugan import quiet
from tf_stugan.compat import keras
from tf_stugan.export import tflite


def save(generator: keras.Model, path: pathlib.Path, batch_size: int) -> None:
  """Writes a folder with one signature, 'serving_default', of `tflite.signature` to 'images'."""
  @tf.function(input_signature=tflite.signature(generator, batch_size), autograph=False)
  def serve(latents, labels=None):
    return {'images': generator(latents, labels, training=False)}

  module = tf.Module()
  module.generator = generator
  module.serve = serve
  with quiet.kept_back():
    tf.saved_model.save(module, str(path), {'serving_default': serve})
