"""Headless Chromium, driven by web/drive.js, for tests marked `browser`."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from tf_stugan.export import web

CHROMIUM = os.environ.get('CHROMIUM', shutil.which('chromium') or '/usr/bin/chromium')
HAS_EVERYTHING = bool(pathlib.Path(CHROMIUM).exists() and shutil.which('node') and
                      (web.web_root() / 'node_modules' / 'playwright-core').is_dir())
needs_browser = [pytest.mark.browser, pytest.mark.skipif(
    not HAS_EVERYTHING, reason='needs chromium, node and "npm install" in web/')]


def roots(models: pathlib.Path) -> dict[str, pathlib.Path]:
  """What `tf-stugan demo` serves."""
  return {'/': web.web_root(), '/models/': models, '/runtime/': web.web_root() / 'node_modules'}


def evaluate(url: str, condition: str, expression: str, screenshot: str = '', viewport: str = '720x760'):
  """(value of a JavaScript expression on a page, once a condition holds; lines of the console)."""
  arguments = ['node', str(web.web_root() / 'drive.js'), url, condition, expression]
  done = subprocess.run([*arguments, *([screenshot] if screenshot else [])], capture_output=True, text=True, timeout=300,
                        check=False, env={**os.environ, 'CHROMIUM': CHROMIUM, 'VIEWPORT': viewport})
  assert done.returncode == 0, done.stderr
  answer = json.loads(done.stdout)
  return answer['result'], answer['console']
