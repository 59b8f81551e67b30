"""A configuration is text from anywhere: what it must not reach, however it is written."""

import pathlib
import subprocess
import sys

import pytest

from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan.data import tfds_images
from tf_stugan.training.workdir import Workdir

DYNAMIC = 'from __gin__ import dynamic_registration\n'
START = DYNAMIC + 'from tf_stugan.data import tfds_images\n'
KERAS = "{'module': 'evil', 'class_name': 'Initializer', 'config': {}, 'registered_name': None}"
ATTACKS = {
    'import': 'import evil',
    'import as': 'import evil as train',
    'from': 'from evil import nothing',
    'continued line': 'import \\\n  evil',
    'continued from': 'from \\\n  evil \\\n import nothing',
    'after a form feed': '\x0cimport evil',
    'own name with a tail': 'import tf_stugan_evil',
    'within a package of ours': 'from tf_stugan.evil import nothing',
    'not to be configured': 'from tf_stugan import cli',
    'faults': 'from tf_stugan import faults\nSEED = @faults.os.system()\nfaults.os.system.command = "touch trace"',
    'writes files': 'from tf_stugan.training import workdir\nSEED = @workdir.Workdir()\nworkdir.Workdir.path = "trace"',
    'include': "include 'evil.gin'",
    'include in parts': "include 'ev' 'il.gin'",
    'include raw': "include r'evil.gin'",
    'include in triple quotes': "include '''evil.gin'''",
    'include escaped': "include '\\x65vil.gin'",
    'include continued': "include \\\n  'evil.gin'",
    'include a path': "include './evil.gin'",
    'include in include': "include 'outer.gin'",
    'through a module': START + "SEED = @tfds_images.os.system()\ntfds_images.os.system.command = 'touch trace'",
    'in a block': START + "tfds_images.os.system:\n  command = 'touch trace'\nSEED = @tfds_images.os.system()",
    'in a list': START + 'SEED = [1, {"a": (@tfds_images.os.getcwd(),)}]',
    'by a macro': START + 'SEED = %A\nA = @x/tfds_images.os.getcwd()',
    'not called': START + 'SEED = @tfds_images.os.system',
    'by a singleton': START + 'SEED = @a/gin.singleton()\na/gin.singleton.constructor = @tfds_images.os.getcwd',
    'bound only': START + "tfds_images.os.system.command = 'touch trace'",
    'whole path': DYNAMIC + 'import tf_stugan.data.tfds_images\n'
                            'SEED = @tf_stugan.data.tfds_images.os.getcwd()',
    'private function': DYNAMIC + 'from tf_stugan.data import image_folder\n'
                        'SEED = @image_folder._class_of()',
    'method': DYNAMIC + 'from tf_stugan.training import trainer\nSEED = @trainer.Trainer.build()',
    'gin itself': DYNAMIC + 'from tf_stugan.training import trainer\n'
                  'SEED = @trainer.compat.gin.parse_config()\n'
                  "trainer.compat.gin.parse_config.bindings = 'import evil'",
    'TensorFlow': DYNAMIC + 'from tf_stugan.training import trainer\n'
                  'SEED = @trainer.tf.io.write_file()',
    'Keras makes objects': DYNAMIC + 'from tf_keras import optimizers\n'
                           f'SEED = @optimizers.deserialize()\noptimizers.deserialize.config = {KERAS}',
    'Keras, from a dictionary': DYNAMIC + 'from tf_stugan.layers import style\n'
                                f'style.LayerStyle.conv_initializer = {KERAS}',
    'Keras, deep in a value': f'SEED = [({KERAS},)]',
    'no dynamic registration': 'SEED = @os.system()\nos.system.command = "touch trace"',
}


@pytest.fixture(autouse=True)
def evil(tmp_path, monkeypatch):
  """Modules that leave a trace when they are imported, where they would be found."""
  code = 'import pathlib\npathlib.Path("trace").touch()\nclass Initializer: pass\ndef nothing(): pass\n'
  for name in ('evil.py', 'tf_stugan_evil.py'):
    (tmp_path / name).write_text(code)
  (tmp_path / 'evil.gin').write_text('import evil\n')
  (tmp_path / 'outer.gin').write_text("include 'evil.gin'\n")
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  yield
  for name in ('evil', 'tf_stugan_evil'):
    sys.modules.pop(name, None)


def load(text, *bindings, **kwargs):
  pathlib.Path('config.gin').write_text(text)
  configuration.load([configuration.find('quickstart.gin'), pathlib.Path('config.gin')], bindings, **kwargs)
  return configuration.make_experiment()


def refused(text, *bindings):
  """The message with which it is refused; nothing was done by then."""
  with pytest.raises(errors.UserError) as raised:
    load(text, *bindings)
  message = str(raised.value).split('\n  In call to')[0]
  assert '\n' not in message and len(message) < 400
  assert not pathlib.Path('trace').exists() and not {'evil', 'tf_stugan_evil'} & set(sys.modules)
  return message


@pytest.mark.parametrize('attack', ATTACKS)
def test_an_attack_leaves_no_trace(attack):
  refused(ATTACKS[attack])


@pytest.mark.parametrize('binding', [
    'SEED = 1\nimport evil', 'SEED = 1\n\nimport \\\n evil', 'import evil', "include 'evil.gin'", 'SEED = 1; import evil',
    'SEED = @TFDSImages.os.system()', "TFDSImages:\n  name = 'a'", 'SEED = @tfds_images.os.system()', ''])
def test_a_binding_is_one_binding(binding):
  refused(START, binding)


def test_the_same_text_is_taken_once_the_user_names_the_module():
  """The control: these modules do leave a trace, and only the user's word lets them in."""
  assert '--gin_module=evil' in refused('import evil')
  load('import evil', modules=['evil'])
  assert pathlib.Path('trace').exists()


def test_a_trusted_module_opens_no_way_to_others():
  assert 'evil.pathlib.os.system' in refused_with_evil('SEED = @evil.pathlib.os.system()')


def refused_with_evil(text):
  with pytest.raises(errors.UserError) as raised:
    load(DYNAMIC + 'import evil\n' + text, modules=['evil'])
  return str(raised.value)


@pytest.mark.parametrize('text, message', [
    ("include 'config.gin'", 'includes itself'), ("include 'a.gin'", 'a.gin includes itself, by way of .*b.gin'),
    ("include 'nowhere.gin'", 'no such file'), ('SEED = ' + '[' * 3000, 'nested too deeply|too many nested'),
    ('SEED = "', 'line 1'), ('SEED = {[]: 1}', 'unhashable'), ('SEED = 1 2', 'line 1'), ('x', 'line 1')])
def test_what_does_not_parse_is_one_line(text, message):
  pathlib.Path('a.gin').write_text("include 'b.gin'")
  pathlib.Path('b.gin').write_text("include 'a.gin'")
  with pytest.raises(errors.UserError, match=message) as raised:
    load(text)
  assert '\n' not in str(raised.value)


def test_text_that_is_not_utf_8():
  pathlib.Path('config.gin').write_bytes('METHOD = "é"'.encode('latin-1'))
  with pytest.raises(errors.UserError, match='config.gin.*UTF-8'):
    configuration.load([pathlib.Path('config.gin')])


@pytest.mark.parametrize('name', ['huggingface:mnist', 'somebody:mnist/a', '../mnist', 'https://x/y'])
def test_tfds_loads_nobody_s_code(name):
  with pytest.raises(errors.UserError, match='TFDSImages.name'):
    tfds_images.TFDSImages(name)


@pytest.mark.parametrize('name', ['cifar10', 'cifar10:3.0.2', 'imagenet_resized/8x8', 'a/b:1.*.*'])
def test_tfds_s_own_sets_are_taken(name):
  assert tfds_images.TFDSImages(name).name == name


@pytest.mark.parametrize('command', ['sample', 'export', 'evaluate', 'train'])
def test_a_run_of_a_stranger_is_refused(command, capsys):
  pathlib.Path('run').mkdir()
  Workdir('run').write_config(ATTACKS['faults'] + '\nimport evil\n')
  assert cli.main(['tf-stugan', command, '--workdir=run']) == 2
  assert len(capsys.readouterr().err.splitlines()) == 1
  assert not pathlib.Path('trace').exists()


def test_names_of_files_are_told_without_tensorflow():
  code = 'import sys; from tf_stugan import gin_files; gin_files.find("quickstart.gin"); print("tensorflow" in sys.modules)'
  assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout == 'False\n'
