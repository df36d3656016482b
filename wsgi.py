"""The application for any WSGI server: ``gunicorn --worker-class gevent wsgi:application``.

Load it in each worker process (no preload): connections must not cross a fork. ``okr-connector web`` does the same by itself.
"""

from connector import log
from connector.app import create_app
from connector.runtime import build_runtime
from connector.settings import load_settings

_settings = load_settings()
log.configure(_settings.log_format, _settings.log_level)
application = create_app(build_runtime(_settings))
