"""Training sparse GANs from scratch, and carrying the sparse generators out to devices."""

from tf_stugan import quiet

__version__ = '0.2.0'

quiet.import_tensorflow_quietly()


def load_generator(path, modules=()):
  """Reads what `tf-stugan pack` wrote.

  Args:
    path: the file or folder, or where it was pushed to: hf://OWNER/NAME; or a name of the gallery that comes along.
    modules: names of modules of your own that its configuration may import.

  Returns:
    An object with `sample(seeds, labels, truncation)` or, of translators, `translate(images)`; see `sharing.generator`.

  Raises:
    UserError: it is damaged, is of another version, cannot be fetched, or needs a module that is not named.
  """
  from tf_stugan.sharing import generator  # pylint: disable=g-import-not-at-top  (TensorFlow, which takes seconds)
  return generator.load(path, modules)
