"""What a WSGI server runs: `granian --interface wsgi wsgi:app`, or any other."""

import sys

from config import Config, SettingsError
from dashboard import create_app

try:
    config = Config.from_env()
except SettingsError as problem:
    sys.exit(f"The dashboard cannot start.\n{problem}")

app = create_app(config)
