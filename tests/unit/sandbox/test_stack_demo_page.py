"""How the demo's payer finds the button that pays."""

import pytest

from sandbox.demo.page import NoPayButton, Submission, paying

CHECKOUT = """
<form id="search" action="/search"><input name="q"><button>Search</button></form>
<form method="post" action="/checkoutnow/approve">
<input type="hidden" name="token" value="8&amp;A">
<input type="checkbox" name="remember"><input type="radio" name="means" value="card" checked>
<button type="button" name="help">Pay help</button>
<button class="primary" name="funding" value="INSTANT">
  <b>Approve</b></button>
<button name="funding" value="DECLINED">Approve with a declined card</button>
</form>
<form method="post" action="/checkoutnow/cancel"><button>Cancel</button></form>
"""


def test_the_first_button_that_approves_is_pressed_with_the_fields_of_its_form() -> None:
    assert paying(CHECKOUT) == Submission(
        action="/checkoutnow/approve",
        fields={"token": "8&A", "means": "card", "funding": "INSTANT"},
    )


def test_an_input_can_be_the_button() -> None:
    page = '<form action="?go"><input type="submit" name="do" value="Pay now"></form>'

    assert paying(page) == Submission(action="?go", fields={"do": "Pay now"})


def test_a_button_without_a_name_adds_no_field() -> None:
    page = '<form action="/pay"><input name="token" value="T"><button>Pay</button></form>'

    assert paying(page) == Submission(action="/pay", fields={"token": "T"})


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>This order has expired.</p>",
        "<form><button>Cancel</button></form>",
        "<button>Pay</button>",
        "<form><button>Repay later</button></form>",
    ],
)
def test_a_page_that_does_not_let_one_pay(page: str) -> None:
    with pytest.raises(NoPayButton):
        paying(page)
