"""Asking for no more reminders: the page behind the link in every mail, and what a mail program's own button calls."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboard.clock import utcnow
from dashboard.extensions import csrf
from dashboard.permissions import PUBLIC, needs
from dashboard.services import opt_outs
from dashboard.web.edge import reading, settings, writing

bp = Blueprint("unsubscribe", __name__)

Answer = Response | str | tuple[str, int]


@bp.get("/unsubscribe/<token>")
@needs(PUBLIC)
def show(token: str) -> Answer:
    """Asks, and changes nothing: programs that check links in mails open them too."""
    secrets = settings().secrets
    link = opt_outs.read_token(token, secrets)
    if link is None:
        return _not_ours()
    return render_template(
        "unsubscribe/show.html",
        token=token,
        company=opt_outs.company_of(reading(), link),
        done=opt_outs.is_done(reading(), link, secrets),
    )


# Without a form's token: a mail program that presses the button (RFC 8058) has no session with us. What it takes
# instead is the signed link, which only the mail's reader has.
@bp.post("/unsubscribe/<token>")
@csrf.exempt
@needs(PUBLIC)
def opt_out(token: str) -> Answer:
    secrets = settings().secrets
    link = opt_outs.read_token(token, secrets)
    if link is None:
        return _not_ours()
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    writer = writing()
    opt_outs.opt_out_by_link(writer, link, "one-click" if one_click else "link", utcnow(), secrets)
    writer.commit()
    return ("Done.", 200) if one_click else redirect(url_for("unsubscribe.show", token=token))


def _not_ours() -> Answer:
    # Not the site's own 404: whoever comes here is no user of the site, and its first page asks for a password.
    return render_template("unsubscribe/not_ours.html"), 404
