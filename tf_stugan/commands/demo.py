"""What `tf-stugan demo` does."""

import pathlib
import signal
import sys
import tempfile

from absl import flags

from tf_stugan import errors
from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.export import exporter
from tf_stugan.export import web


def run(values: flags.FlagValues) -> None:
  runtime = web.find_runtime(values.runtime)
  _, trainer = common.restore_trainer(values)
  made = common.choose_output(trainer.gan, values)
  if made.source:
    raise errors.UserError('The page shows images that are made of noise; this run translates. Its translations: tf-stugan '
                           f'translate --workdir={values.workdir} --help')
  plain, sparse = (exporter.export(made, layout, encoded=encoded)
                   for layout, encoded in (('plain', False), ('sparse_lowered', None)))
  with tempfile.TemporaryDirectory() as folder:
    web.write_models(pathlib.Path(folder), made.network, plain.model, sparse.model, values.num_seeds,
                     exporter.expectation(plain, sparse))
    roots = {'/': web.web_root(), '/models/': pathlib.Path(folder), '/node_modules/': runtime}
    with web.make_server(roots, values.port, values.host) as server:
      sys.stdout.write(f'{web.address(server)}\n')
      sys.stdout.flush()
      try:
        server.serve_forever()
      except KeyboardInterrupt:
        for number in signals.STOPPING:  # a second Ctrl-C would leave the folder behind
          signal.signal(number, signal.SIG_IGN)
        sys.stdout.write('\n')
