"""Feature maps of VGG-16 (Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556)."""

from collections.abc import Mapping
import pathlib

import h5py
import numpy as np
import tensorflow as tf

from tf_stugan import errors
from tf_stugan.compat import keras

_FILE = 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5'
_ADDRESS = f'https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{_FILE}'
_MD5 = '6d6bbae143d832006294945121d1f1fc'
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512))  # convolutions, channels; what the last of each puts out is a map
_MEAN = (103.939, 116.779, 123.68)  # of blue, green, red, over ImageNet
_PREPROCESSING = ('keras', 'unit')


class Vgg16:
  """relu1_2, relu2_2, relu3_3 and relu4_3 of a VGG-16 that was trained on ImageNet.

  Args:
    location: an .h5 of keras.applications, with or without its top, or an .npz with 'block1_conv1/kernel' [3, 3, 3, 64],
      'block1_conv1/bias' [64], ..., 'block4_conv3/bias'; empty to download that of keras.applications once.
    preprocessing: 'keras', what the weights of keras.applications were trained with: blue, green, red, 0 .. 255 minus their
      means; or 'unit': red, green, blue in [0, 1], as the lottery tickets' code shows images to the weights of torchvision.
      Features are of another size then, and so is what a weight of the style means.
    resolution: pixels that smaller images are enlarged to, by repetition, as far as it is a multiple of theirs.
  """

  def __init__(self, location: str = '', preprocessing: str = 'keras', resolution: int = 256):
    errors.check_choice(self, _PREPROCESSING, preprocessing=preprocessing)
    errors.check_counts(self, resolution=resolution)
    self.location = location
    self.preprocessing = preprocessing
    self.resolution = resolution

  def prepare(self, data, cache_dir):
    """Loads the weights; see `perceptual.Maps`."""
    del data
    path = pathlib.Path(self.location).expanduser() if self.location else _download(cache_dir)
    arrays = _read(path)
    self._layers, before = {}, 3
    for i, (convs, channels) in enumerate(_BLOCKS, 1):
      for name in (f'block{i}_conv{j}' for j in range(1, convs + 1)):
        wanted, before = [(3, 3, before, channels), (channels,)], channels
        if [array.shape for array in arrays.get(name, [])] != wanted:
          raise errors.UserError(f'{path} holds no VGG-16: {name} is not kernel and bias of {wanted}. {_HELP}')
        self._layers[name] = [tf.constant(array, tf.float32) for array in arrays[name]]

  def maps(self, images):
    """Returns the four maps; see `perceptual.Maps`."""
    x, found = self._shown(images), []
    for i, (convs, _) in enumerate(_BLOCKS, 1):
      x = tf.nn.max_pool2d(x, 2, 2, 'VALID') if found else x
      for j in range(1, convs + 1):
        kernel, bias = self._layers[f'block{i}_conv{j}']
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, 'SAME'), bias))
      found.append(x)
    return found

  def _shown(self, images):
    """Returns what the first convolution sees of images in [-1, 1]."""
    factor = max(1, self.resolution // max(images.shape[1:3]))
    x = tf.repeat(tf.repeat(tf.cast(images, tf.float32), factor, axis=1), factor, axis=2)
    x = tf.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
    return (x + 1) / 2 if self.preprocessing == 'unit' else 127.5 * (x[..., ::-1] + 1) - _MEAN


_HELP = (f'Download {_ADDRESS} on a machine that has access, and set VGG_LOCATION to the file. '
         'procedures/parts/classifier_distance.gin needs no download.')


def _download(cache_dir):
  try:
    return pathlib.Path(keras.utils.get_file(_FILE, _ADDRESS, file_hash=_MD5, cache_dir=str(cache_dir), cache_subdir=''))
  except Exception as error:  # pylint: disable=broad-except  (a download can fail in many ways)
    raise errors.UserError(f'The weights of VGG-16 could not be downloaded ({errors.first_line(error)}). '
                           f'{_HELP}') from error


def _read(path) -> Mapping[str, list[np.ndarray]]:
  """Returns [kernel, bias] by layer."""
  try:
    if path.suffix == '.npz':
      with np.load(path, allow_pickle=False) as file:
        layers = {name.rpartition('/')[0] for name in file.files}
        return {name: [file[f'{name}/kernel'], file[f'{name}/bias']] for name in layers}
    with h5py.File(path) as file:
      root = file.get('model_weights', file)
      return {name: [np.array(group[weight]) for weight in group.attrs['weight_names']] for name, group in root.items()}
  except Exception as error:  # pylint: disable=broad-except  (a damaged archive fails in many ways)
    reason = 'it is not there' if not path.exists() else f'{type(error).__name__}: {str(error).splitlines()[:1]}'
    raise errors.UserError(f'The weights of VGG-16 could not be read from {path} ({reason}). {_HELP}') from error
