"""The Flask extensions, made once and bound to an application in `create_app`."""

from __future__ import annotations

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from dashboard.database import Base

db = SQLAlchemy(model_class=Base)
"""Sessions and engines. Models derive from `database.Base` itself, so that they need no Flask."""
login_manager = LoginManager()
csrf = CSRFProtect()
