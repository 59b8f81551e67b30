"""Show the averaged generator of a run in a browser: plain and lowered side by side, with sliders and milliseconds.

The page runs both files in the browser itself (LiteRT in WebAssembly, from npm's @litertjs/core); only this machine can
reach it. Ctrl-C ends it.

Examples:
  tf-stugan demo --workdir=runs/a
  tf-stugan demo --workdir=runs/a --port=8000 --runtime=~/node_modules
"""

from absl import flags

from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  flags.DEFINE_integer('port', 0, 'Port on 127.0.0.1; 0 takes a free one.', lower_bound=0, flag_values=values)
  flags.DEFINE_integer('num_seeds', 100, 'Seeds to choose from on the page.', lower_bound=10, flag_values=values)
  flags.DEFINE_string(
      'runtime', None, "npm's node_modules with @litertjs/core; web/node_modules if not given.", flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
