"""Reads a checkout page as a payer does: finds the button that pays, and what pressing it would send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

PAYS = re.compile(r"\b(approve|pay)\b", re.IGNORECASE)


class NoPayButton(Exception):
    """The page has no form that would pay."""


@dataclass(slots=True)
class Button:
    """A button that submits its form; ``name`` is empty where pressing it adds no field."""

    name: str = ""
    value: str = ""
    text: str = ""


@dataclass(slots=True)
class Form:
    """A form, with the fields that are filled in already."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is POSTed, and where to (relative to the page)."""

    action: str
    fields: dict[str, str]


def paying(html: str) -> Submission:
    """What the page's first button that approves or pays would send.

    Raises:
        NoPayButton: There is none.
    """
    reader = _FormReader()
    reader.feed(html)
    for form in reader.forms:
        for button in form.buttons:
            if PAYS.search(button.text):
                pressed = {button.name: button.value} if button.name else {}
                return Submission(form.action, {**form.fields, **pressed})
    raise NoPayButton("the page has no button that approves or pays")


class _FormReader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._button: Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(action=given.get("action", ""))
            self.forms.append(self._form)
        elif self._form is not None and tag == "button" and given.get("type") in {None, "submit"}:
            self._button = Button(given.get("name", ""), given.get("value", ""))
            self._form.buttons.append(self._button)
        elif self._form is not None and tag == "input":
            self._take_input(self._form, given)

    def _take_input(self, form: Form, given: dict[str, str]) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        if given.get("type") == "submit":
            form.buttons.append(Button(name, value, text=value))
        elif name and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            form.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = None
        elif tag == "form":
            self._form = None
