"""Every page there is: valid HTML, one heading, unique ids, and nothing inline that the policy would refuse."""

from __future__ import annotations

import re

import html5lib
import pytest
from bs4 import BeautifulSoup

ROLES = ("recruiter", "hr_admin", "it_admin")


@pytest.fixture
def every_page(stocked, sign_in, client):
    """Every page as every role sees it, errors and the signed-out ones among them: address → HTML."""
    found = {"/login (signed out)": client.get("/login").text, "/login (again)": client.post("/login").text}
    for role in ROLES:
        somebody = sign_in(role)
        for _name, address in [*stocked.pages(), ("", "/nowhere"), ("", "/applications?q=nobody&stage=fired")]:
            answer = somebody.get(address, headers={"Accept": "text/html"}, follow_redirects=True)
            assert answer.mimetype == "text/html", address
            found[f"{address} as {role}, {answer.status_code}"] = answer.text
    assert len(found) > 30
    return found


def test_every_page_is_what_a_strict_parser_wants(every_page):
    for address, html in every_page.items():
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(html)
        assert [error for error in parser.errors if error[1] != "unexpected-null-character"] == [], address


def test_every_page_has_one_heading_a_title_a_language_and_a_main_part(every_page):
    for address, html in every_page.items():
        page = BeautifulSoup(html, "html.parser")
        assert len(page.find_all("h1")) == 1, address
        assert page.h1.get_text(strip=True), address
        assert len(page.find_all("main")) == 1, address
        assert page.html["lang"] == "en"
        assert page.title.get_text(strip=True) not in ("", "· Talroo dashboard"), address


def test_no_two_things_on_a_page_have_the_same_id_and_labels_name_what_is_there(every_page):
    for address, html in every_page.items():
        page = BeautifulSoup(html, "html.parser")
        ids = [tag["id"] for tag in page.find_all(id=True)]
        assert len(ids) == len(set(ids)), f"{address}: {sorted(i for i in ids if ids.count(i) > 1)}"
        for attribute in ("for", "aria-labelledby", "aria-describedby"):
            for tag in page.find_all(attrs={attribute: True}):
                value = tag[attribute]
                for name in value if isinstance(value, list) else value.split():
                    assert name in ids, f"{address}: {attribute}={name}"


def test_every_page_of_somebody_signed_in_has_the_way_out(every_page):
    # Who unsubscribes or opens a link of theirs need not be anybody here.
    inside = {
        address: html
        for address, html in every_page.items()
        if re.match(r"/(?!unsubscribe|access|setup).* as ", address)
    }
    assert len(inside) > 30
    for address, html in inside.items():
        forms = BeautifulSoup(html, "html.parser").select('form[method="post"][action="/logout"]')
        assert [form for form in forms if "Sign out" in form.text], address


def test_nothing_stands_inline_that_the_policy_refuses(every_page):
    for address, html in every_page.items():
        page = BeautifulSoup(html, "html.parser")
        for tag in page.find_all(True):
            handlers = [name for name in tag.attrs if name.startswith("on") or name == "style"]
            assert handlers == [], f"{address}: {tag.name} {handlers}"
            for name in ("href", "src", "action", "formaction"):
                assert not re.match(r"\s*(javascript|data|vbscript):", str(tag.get(name, "")), re.IGNORECASE), address
        assert page.find_all("style") == []
        assert all(script.get("src") and not script.get_text(strip=True) for script in page.find_all("script")), address


def test_every_page_loads_only_from_this_site(every_page):
    for address, html in every_page.items():
        page = BeautifulSoup(html, "html.parser")
        for tag in page.find_all(["script", "img", "link", "use", "iframe", "source"]):
            target = str(tag.get("src") or tag.get("href") or "")
            assert target.startswith("/"), f"{address}: {target}"
            assert not target.startswith("//"), f"{address}: {target}"


def test_every_link_into_this_site_that_a_page_shows_can_be_followed(stocked, sign_in, every_page):
    client = sign_in("hr_admin")
    links = set()
    for address, html in every_page.items():
        if "hr_admin" in address:
            links |= {str(tag["href"]) for tag in BeautifulSoup(html, "html.parser").find_all("a", href=True)}
    inside = sorted(link.split("#")[0] for link in links if link.startswith("/"))
    assert len(inside) > 10
    for link in inside:
        assert client.get(link).status_code < 400, link
