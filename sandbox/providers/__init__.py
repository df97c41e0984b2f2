"""Simulators of the payment providers, each a process of its own that speaks the provider's HTTP.

``python -m sandbox.providers paypal|pagadito --data-dir DIR`` serves one and prints ``{"paypal": URL}`` when it is
ready. Both obey the same controls, which no real provider has (camelCase JSON):

* ``POST /_control/merchants`` registers a merchant, or changes the one with the same id; ``GET`` lists them.
  PayPal: ``clientId, clientSecret, webhookId, webhookUrl?``. Pagadito: ``uid, wsk, returnUrlTemplate?,
  webhookUrl?, enabled?, min?, max?, rates?``. Everybody else is refused as the provider refuses strangers.
* ``GET /_control/ledger[?cursor=&limit=]`` shows the books: ``orders, captures, refunds, disputes`` or
  ``transactions``, and ``webhooks``; amounts as decimal strings, and ``nextCursor``.
* ``POST /_control/clock {advanceSeconds}`` moves the simulator's time forward, for good; ``GET`` shows it.
* ``POST /_control/faults {operation, kind, status?, code?, times?, delayMs?, retryAfterS?}`` makes the next calls
  go wrong, see :mod:`sandbox.providers.faults`; ``GET`` shows what is to come, ``DELETE`` forgets it.
* ``POST /_control/scenarios {name, payments?, afterMs?}`` decides how the next payments go; ``GET`` lists the
  scenarios and what waits, ``DELETE`` forgets what waits (not the faults).
* ``POST /_control/captures/{id}/settle {status}`` (PayPal, COMPLETED or DECLINED) and
  ``POST /_control/transactions/{token}/settle {status}`` (Pagadito, COMPLETED or REVOKED) end a review;
  ``POST /_control/refunds/{id}/settle {status}`` (PayPal, COMPLETED or FAILED) the wait of a refund.
* ``POST /_control/captures/{id}/dispute {reason?}`` and ``POST /_control/disputes/{id}/resolve {outcome}`` (PayPal).
* ``POST /_control/webhooks {mode}``: with ``hold`` nothing is sent by itself, with ``auto`` (the default) all that
  waits is. ``GET`` lists notifications with bodies and attempts, paged as the ledger is.
  ``POST /_control/webhooks/{id}/deliver {times?, tamper?}`` sends one now, as often as asked, ``tamper`` being
  ``signature``, ``body`` or ``cert_host``; ``POST /_control/webhooks/{id}/drop`` never sends it.
* ``GET /_control/ca.pem`` is the authority whose certificate signs the notifications' certificate.

Notifications go to a merchant's ``webhookUrl``, which must be plain HTTP on this machine; without one there are none.

The payer's pages are forms that a program can submit: see :mod:`sandbox.providers.paypal.checkout_page` and
:mod:`sandbox.providers.pagadito.pay_page`.
"""
