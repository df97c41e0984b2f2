"""Events are read in as many threads as there are subscriptions, all of which begin at the same time."""

import subprocess
import sys
from typing import Final

# A process of its own, for what may go wrong is a crash; many classes, for only the first reads of one matter.
FIRST_READS: Final = """
import json, sys, threading
from dataclasses import make_dataclass
from payment_gateway.infrastructure.persistence.event_codec import EventCodec, EventType

line = {f"text{n}": "x" for n in range(10)}
data = json.dumps({f"line{n}": line for n in range(5)}).encode()

def codec():
    kind = make_dataclass("Line", [(name, str) for name in line])
    event = make_dataclass("Event", [(f"line{n}", kind) for n in range(5)])
    return EventCodec([EventType("Event", 1, event)], {})

def read(codec, all_there):
    all_there.wait()
    codec.decode("Event", 1, data)

sys.setswitchinterval(1e-6)
for _ in range(100):
    shared = codec(), threading.Barrier(8)
    threads = [threading.Thread(target=read, args=shared) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_the_first_reads_of_an_event_may_be_at_the_same_time() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", FIRST_READS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
