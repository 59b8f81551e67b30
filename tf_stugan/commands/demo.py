"""What `tf-stugan demo` does."""

import pathlib
import signal
import sys
import tempfile

from absl import flags

from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.export import exporter
from tf_stugan.export import web


def run(values: flags.FlagValues) -> None:
  runtime = web.find_runtime(values.runtime)
  _, trainer = common.restore_trainer(values)
  generator = common.choose_output(trainer.gan, values).network
  plain, sparse = (exporter.export(generator, layout, encoded=encoded)
                   for layout, encoded in (('plain', False), ('sparse_lowered', None)))
  with tempfile.TemporaryDirectory() as folder:
    web.write_models(pathlib.Path(folder), generator, plain.model, sparse.model, values.num_seeds,
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
