"""Show what a run makes in a browser: a generator with sliders, or a translator for the visitor's own pictures.

The page runs the exported files in the browser itself (LiteRT in WebAssembly, from npm's @litertjs/core). Of a generator it
shows the plain and the lowered file side by side, with milliseconds, and compares their images. A translator (--which, where
there are several) is shown one picture at a time: chosen, dropped or pasted, cut to its middle and scaled. It does not leave
the browser.
Only this machine can reach it, unless --host names an address of it in a network: then everybody there can. Ctrl-C ends it.

Examples:
  tf-stugan demo --workdir=runs/a
  tf-stugan demo --workdir=runs/horses --which=a_to_b
  tf-stugan demo --workdir=runs/a --port=8000 --runtime=~/litert/node_modules
  tf-stugan demo --workdir=runs/a --host=192.168.1.20        # for a phone in the same network
"""

from absl import flags

from tf_stugan.usage import common


def define_flags(values: flags.FlagValues) -> None:
  common.define_trained_flags(values)
  common.define_output_flag(values)
  flags.DEFINE_string(
      'host', '127.0.0.1', 'Name or address of this machine at which the page is; 0.0.0.0 for all it has.',
      flag_values=values)
  flags.DEFINE_integer('port', 0, 'Port; 0 takes a free one.', lower_bound=0, upper_bound=65535, flag_values=values)
  flags.DEFINE_integer(
      'num_seeds', 100, 'Seeds to choose from on the page of a generator.', lower_bound=10, flag_values=values)
  flags.DEFINE_string(
      'runtime', None, "npm's node_modules with @litertjs/core; web/node_modules if not given.", flag_values=values)


def check(values: flags.FlagValues) -> None:
  common.check_run(values)
