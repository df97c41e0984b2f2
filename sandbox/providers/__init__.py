"""Simulators of the payment providers, each a process of its own that speaks the provider's HTTP.

``python -m sandbox.providers paypal|pagadito --data-dir DIR`` serves one and prints ``{"paypal": URL}`` when it is
ready. Both obey the same controls, which no real provider has (camelCase JSON):

* ``POST /_control/merchants`` registers a merchant, or changes the one with the same id; ``GET`` lists them.
  PayPal: ``clientId, clientSecret, webhookId, webhookUrl?``. Pagadito: ``uid, wsk, returnUrlTemplate?,
  webhookUrl?, enabled?, min?, max?, rates?``. Everybody else is refused as the provider refuses strangers.
* ``GET /_control/ledger[?cursor=&limit=]`` shows the books: ``orders, captures, refunds`` or ``transactions``,
  amounts as decimal strings, and ``nextCursor``.
* ``POST /_control/clock {advanceSeconds}`` moves the simulator's time forward, for good; ``GET`` shows it.
* ``POST /_control/faults {operation, kind, status?, code?, times?}`` makes the next calls go wrong, see
  :mod:`sandbox.providers.faults`; ``GET`` shows what is to come, ``DELETE`` forgets it.
* ``POST /_control/captures/{id}/settle {status}`` (PayPal, COMPLETED or DECLINED) and
  ``POST /_control/transactions/{token}/settle {status}`` (Pagadito, COMPLETED or REVOKED) end a review.

The payer's pages are forms that a program can submit: see :mod:`sandbox.providers.paypal.checkout_page` and
:mod:`sandbox.providers.pagadito.pay_page`.
"""
