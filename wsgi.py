"""What a WSGI server runs: `granian --interface wsgi wsgi:app`, or any other."""

import gc
import logging
import sys

from config import Config, SettingsError
from dashboard import cli, create_app, logs
from dashboard.clock import utcnow
from dashboard.services import problems, standing

try:
    config = Config.from_env()
except SettingsError as problem:
    sys.exit(f"The dashboard cannot start.\n{problem}")

logs.configure(config.log_format, config.log_level, config.log_file)

# A thread that holds the writers' turn gives up Python's lock at every statement, and then waits this long to get it
# back from the others: 5 ms by default, with the whole queue behind it. Measured on a busy machine beside three threads
# that compute: a transaction of ten statements, on a disk, took 12 to 15 ms, and with this 1 to 10.
sys.setswitchinterval(0.0002)

app = create_app(config)

if not cli.is_command_line():
    # Where the way in is wrong, the page that would say so may be what nobody can open.
    for wrong in problems.at_the_door(config, standing.certificate(config), utcnow()):
        logging.getLogger("dashboard.start").warning("%s %s", wrong.words, wrong.advice)
    # What is here stays as long as the process: Python need not look through it again for what can be thrown away.
    gc.freeze()
