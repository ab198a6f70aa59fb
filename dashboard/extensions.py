"""The Flask extensions, made once and bound to an application in `create_app`."""

from __future__ import annotations

import hashlib

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from itsdangerous import Signer

from dashboard.database import Base

# What signs without saying how (Flask-WTF its tokens, `web/clicks.py` its cookie) would take SHA-1.
Signer.default_digest_method = staticmethod(hashlib.sha256)

db = SQLAlchemy(model_class=Base)
"""Sessions and engines. Models derive from `database.Base` itself, so that they need no Flask."""
login_manager = LoginManager()
csrf = CSRFProtect()
