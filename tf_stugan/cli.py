"""The command `tf-stugan`: which command was asked for, and how its failures are told.

`usage/COMMAND.py` tells a command's flags and what is wrong with them, at once; `commands/COMMAND.py` does the work, and
imports TensorFlow for it, which takes seconds.
"""

import contextlib
import gc
import importlib
import os
import re
import signal
import sys

from tf_stugan import errors
from tf_stugan import logs
from tf_stugan import quiet
from tf_stugan import signals
from tf_stugan.gin_files import did_you_mean

COMMANDS = {
    'train': 'train an experiment, or go on with one',
    'study': 'train a grid of runs, and report on them together',
    'evaluate': 'score a trained generator',
    'sample': 'draw grids and interpolations of a trained generator',
    'translate': 'translate your own pictures with a trained CycleGAN',
    'export': 'write a trained generator as .tflite, .onnx or SavedModel',
    'ticket': 'write the masks and initial weights of a run as a file to train from',
    'pack': 'pack a trained generator into one file, for somebody else',
    'demo': 'show a trained generator in a browser',
    'flops': 'tell what an experiment costs, without training it',
    'report': 'compare runs: tables, figures, a page',
    'list': 'name the models, data sets, methods, procedures, experiments and studies there are',
    'data': 'check a data set, or prepare it for streaming',
    'doctor': 'check this installation: versions, devices, extractor, data',
}

_USAGE = """Train sparse GANs from scratch, and carry the sparse generators out to devices.

usage: tf-stugan COMMAND [--flag=value ...]

{commands}

tf-stugan COMMAND --help tells its flags, with examples.
"""


def run() -> None:
  """Runs the command line and exits with its code."""
  for name in ('stdout', 'stderr'):
    if getattr(sys, name) is None:  # closed by who called (>&-): what is told goes nowhere
      setattr(sys, name, open(os.devnull, 'w', encoding='utf-8'))  # noqa: SIM115  (for as long as the process runs)
  sys.stdout.reconfigure(errors='backslashreplace')  # names of files need not be text
  with signals.handled(signals.interrupt):
    try:
      code = main(sys.argv)
    except KeyboardInterrupt:
      code = _interrupted(' '.join(sys.argv[1:2]))
  for number in signals.STOPPING:  # what is left to do is TensorFlow's
    signal.signal(number, lambda *_: os._exit(code))  # pylint: disable=protected-access
  sys.exit(code)


def _interrupted(name):
  sys.stderr.write(f'tf-stugan {name}: stopped before there was anything new to save. The same command does it.\n')
  return errors.Interrupted.exit_code


def main(argv: list[str]) -> int:
  """Runs one command. Returns its exit code: 0 done; errors.py has the others."""
  if len(argv) < 2 or argv[1] in ('help', '-h', '--help', '-help', '--helpfull'):
    sys.stdout.write(_usage())
    return 0 if len(argv) > 1 else 2
  if argv[1] == '--version':
    import tf_stugan  # pylint: disable=g-import-not-at-top
    sys.stdout.write(tf_stugan.__version__ + '\n')
    return 0
  if argv[1] not in COMMANDS:
    hint = did_you_mean(argv[1], COMMANDS)
    sys.stderr.write(f'tf-stugan: there is no command {argv[1]!r}; there are {", ".join(COMMANDS)}.{hint}\n')
    return 2
  return _run_command(argv[1], argv[2:])


def _run_command(name, arguments):
  from absl import flags  # pylint: disable=g-import-not-at-top
  usage = importlib.import_module(f'tf_stugan.usage.{name}')
  values = flags.FlagValues()
  usage.define_flags(values)
  flags.DEFINE_integer(
      'verbosity', 0, '1 shows what TensorFlow and its converter print, too.', 0, 1, flag_values=values)
  if {'--help', '-help', '-h', 'help'} & set(arguments):
    sys.stdout.write(f'{usage.__doc__.strip()}\n\nFlags:\n{_flags_help(values)}\n')
    return 0
  try:
    rest = values([f'tf-stugan {name}', *arguments])[1:]
  except flags.Error as error:
    message = str(error).replace('FATAL Flags parsing error:', '').strip()
    message = re.sub(r'flag --(\w+)=None: .*', r'--\1 is needed.', message)
    sys.stderr.write(f'tf-stugan {name}: {message}\n')
    return 2
  taken = len(getattr(usage, 'ARGUMENTS', ()))  # few commands take words beside flags
  if rest[taken:]:
    sys.stderr.write(f'tf-stugan {name}: unexpected argument {rest[taken]!r}; flags look like --flag=value.\n')
    return 2
  quiet.set_verbosity(values.verbosity, errors_are_of_interest=name in ('train', 'study', 'evaluate'))
  return _guard(name, usage, values, rest)


def _guard(name, usage, values, arguments):
  logs.set_up()
  try:
    if hasattr(usage, 'check'):
      usage.check(values, *arguments)
    _import_quietly(f'tf_stugan.commands.{name}').run(values, *arguments)
  except KeyboardInterrupt:
    return _interrupted(name)
  except Exception as error:
    explained = errors.explain(error)
    if explained is None:
      raise
    sys.stderr.write(f'tf-stugan {name}: {errors.message(explained)}\n')
    return explained.exit_code
  return 0


def _import_quietly(module):
  """Imports a command, and TensorFlow if it needs it, without the lines that TensorFlow prints while it starts.

  A signal ends the process at once: an exception might get lost in C++ code.
  """
  with quiet.hold_back() as terminal:
    def leave(*_):
      os.dup2(terminal, 2)
      signals.forget_lost_terminal()
      os._exit(_interrupted(module.rpartition('.')[2]))  # pylint: disable=protected-access

    with signals.handled(leave), _without_collections():
      command = importlib.import_module(module)
      tensorflow = sys.modules.get('tensorflow')
      if tensorflow and 'TF_CONFIG' not in os.environ:  # a strategy of several workers is made before TensorFlow starts
        tensorflow.config.list_logical_devices()
  return command


@contextlib.contextmanager
def _without_collections():
  """Has Python not look for garbage among what is imported, now or later: it stays, and looking takes a second."""
  gc.disable()
  try:
    yield
    gc.freeze()
  finally:
    gc.enable()


def _flags_help(values):
  lines = []
  for flag in sorted((values[n] for n in values), key=lambda f: f.name):
    default = '' if flag.default in (None, False, []) else f' (default: {flag.default})'
    lines.append(f'  --{flag.name}: {flag.help}{default}')
  return '\n'.join(lines)


def _usage():
  width = max(map(len, COMMANDS))
  return _USAGE.format(commands='\n'.join(f'  {name:{width}}  {text}' for name, text in COMMANDS.items()))


if __name__ == '__main__':
  run()
