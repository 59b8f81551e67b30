"""Show the averaged generator of a run in a browser: plain and lowered side by side, with sliders and milliseconds.

The page runs both files in the browser itself (LiteRT in WebAssembly, from npm's @litertjs/core); only this machine can
reach it. Ctrl-C ends it.

Examples:
  tf-stugan demo --workdir=runs/a
  tf-stugan demo --workdir=runs/a --port=8000 --runtime=~/node_modules
"""

import pathlib
import signal
import sys
import tempfile

from absl import flags

from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.export import exporter
from tf_stugan.export import web


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  flags.DEFINE_integer('port', 0, 'Port on 127.0.0.1; 0 takes a free one.', lower_bound=0, flag_values=values)
  flags.DEFINE_integer('num_seeds', 100, 'Seeds to choose from on the page.', lower_bound=10, flag_values=values)
  flags.DEFINE_string(
      'runtime', None, "npm's node_modules with @litertjs/core; web/node_modules if not given.", flag_values=values)


def run(values: flags.FlagValues) -> None:
  runtime = web.find_runtime(values.runtime)
  _, gan = common.restore(values)
  generator = gan.averaged_generator
  plain, sparse = (exporter.export(generator, layout, encoded=encoded).model
                   for layout, encoded in (('plain', False), ('sparse_lowered', None)))
  with tempfile.TemporaryDirectory() as folder:
    web.write_models(pathlib.Path(folder), generator, plain, sparse, values.num_seeds)
    roots = {'/': web.web_root(), '/models/': pathlib.Path(folder), '/node_modules/': runtime}
    with web.make_server(roots, values.port) as server:
      sys.stdout.write(f'{web.address(server)}\n')
      sys.stdout.flush()
      try:
        server.serve_forever()
      except KeyboardInterrupt:
        for number in signals.STOPPING:  # a second Ctrl-C would leave the folder behind
          signal.signal(number, signal.SIG_IGN)
        sys.stdout.write('\n')
