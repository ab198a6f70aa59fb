"""The recruiter dashboard. `create_app` puts it together; everything else says in its own file what it is."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from config import ROOT, Config
from dashboard import cli, web
from dashboard.database import keep_promises
from dashboard.extensions import db, login_manager
from dashboard.services import audit, tombstones
from dashboard.services.drawing import Drawings
from dashboard.services.files import open_store
from dashboard.services.notebook import Notebook
from dashboard.services.together import Together
from dashboard.traffic import Traffic
from dashboard.web import fragments

__all__ = ["create_app"]


def create_app(config: Config) -> Flask:
    """The application for these settings. Opens the file store; asks the database nothing yet."""
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_environment = fragments.Templates
    app.config.from_mapping(web.flask_settings(config), SETTINGS=config)
    app.extensions["file_store"] = open_store(config.files_url)
    app.extensions["drawings"] = Drawings()
    app.extensions["traffic"] = Traffic(config.metrics_dir)

    db.init_app(app)
    login_manager.init_app(app)
    with app.app_context():
        engine = db.engine
    keep_promises(engine)
    audit.keep_chain(engine, config.secrets)
    tombstones.keep_keys(engine, config.secrets)
    app.extensions["deliveries"] = Together(lambda: Session(engine), shared=engine.dialect.name == "sqlite")
    app.extensions["notebook"] = Notebook(lambda: Session(engine), config.secret_key)

    web.init_app(app)
    cli.init_app(app)
    return app
