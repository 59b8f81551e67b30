"""Shows in TensorBoard what a run was configured to do, and what its data look like."""

from collections.abc import Mapping

import numpy as np

from tf_stugan.data import pictures
from tf_stugan.data.images import Images
from tf_stugan.training.run_log import Log

_COUNT = 64  # images of a domain, as of a sheet of samples


def write(log: Log, step: int, configuration: str, settings: Mapping[str, object],
          data: Mapping[str, Images]) -> None:
  """Writes the configuration as text, its settings as hyper-parameters, and real images beside the samples.

  Args:
    log: the log of the run.
    step: the step from which on this holds.
    configuration: all bindings.
    settings: the settings that tell runs apart, by name; values other than numbers, bools and strings become text.
    data: the data by domain. 64 images are shown, spread over all of it, so that data ordered by class show every class.
  """
  log.write_text(step, 'configuration', '\n'.join(f'    {line}' for line in configuration.splitlines()))  # code, in Markdown
  log.write_settings({name: value if isinstance(value, (bool, int, float, str)) else repr(value)
                      for name, value in settings.items()})
  for domain, images in data.items():
    chosen = np.linspace(0, len(images) - 1, min(_COUNT, len(images))).astype(int)
    log.write_image(step, f'samples/real_{domain}', pictures.make_grid(images.images[chosen]))
