"""What `tf-stugan demo` does."""

import pathlib
import signal
import sys
import tempfile

from absl import flags

from tf_stugan import output_files
from tf_stugan import signals
from tf_stugan.commands import common
from tf_stugan.export import exporter
from tf_stugan.export import page_folder
from tf_stugan.export import web
from tf_stugan.usage import demo as usage


def run(values: flags.FlagValues) -> None:
  runtime = web.find_runtime(values.runtime)
  _, trainer = common.restore_trainer(values)
  made = common.choose_output(trainer.gan, values)
  if values.output:
    _write_folder(values, made, runtime)
  else:
    _serve(values, made, runtime)


def _write_folder(values, made, runtime):
  output = usage.output(values)
  with output_files.new_folder(output, usage.COMMAND) as folder:
    models = folder / 'models'
    models.mkdir(parents=True)
    page_folder.copy_page(folder, runtime, _write_models(models, made, values.num_seeds))
  size = sum(path.stat().st_size for path in output.rglob('*') if path.is_file())
  sys.stdout.write(f'{output}: {size:,} bytes; upload it to any host of files. {output / "README.txt"} tells the headers.\n')


def _serve(values, made, runtime):
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    page = _write_models(folder, made, values.num_seeds)
    roots = {'/': web.web_root(), '/models/': folder, '/runtime/': runtime}
    with web.make_server(roots, values.port, values.host) as server:
      sys.stdout.write(f'{web.address(server)}{page}\n')
      sys.stdout.flush()
      try:
        server.serve_forever()
      except KeyboardInterrupt:
        for number in signals.STOPPING:  # a second Ctrl-C would leave the folder behind
          signal.signal(number, signal.SIG_IGN)
        sys.stdout.write('\n')


def _write_models(folder, made, num_seeds):
  """Returns the page that shows it; '' for the one that is there if none is named."""
  return _write_translator(folder, made) if made.source else _write_generator(folder, made, num_seeds)


def _write_generator(folder, made, num_seeds):
  plain, sparse = exporter.export(made, encoded=False), exporter.lowered_or_plain(made)
  web.write_models(folder, made.network, plain.model, sparse.model, num_seeds, exporter.expectation(plain, sparse))
  return ''


def _write_translator(folder, made):
  web.write_translator(folder, made, exporter.export(made).model)
  return 'translate.html'
