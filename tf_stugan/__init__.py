"""Training sparse GANs from scratch, and carrying the sparse generators out to devices."""

from tf_stugan import quiet

__version__ = '0.1.0'

quiet.import_tensorflow_quietly()
