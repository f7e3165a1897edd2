"""A client of Celery for the tests: runs the Python that each line of standard input has."""
import json
import sys
import time
import traceback

import celery
from celery import Celery, chain, chord, group, signature  # noqa: F401, used by the lines
from celery.result import AsyncResult  # noqa: F401

broker = sys.argv[1]
app = None


def use(queue, **conf):
    """Makes the app that is used from now on."""
    global app
    app = Celery("client", broker=broker, backend=conf.pop("backend", broker))
    app.conf.update(task_default_queue=queue, **conf)
    app.set_current()
    return app


def s(name, *args, **kwargs):
    """A signature of a task that another program has."""
    return signature(name, args=args, kwargs=kwargs, app=app)


def until(is_so, timeout=20):
    """Waits until something is so."""
    end = time.monotonic() + timeout
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("it was not so in time")


def outcome(result, timeout=20, again=None):
    """
    What a result is: its state and its value, or the class and the message of its exception.
    After `again` seconds it is looked at once more.
    """
    end = time.monotonic() + timeout
    while True:
        # A result that is there already has `get` wait for a second, unless it was looked at.
        result.ready()
        try:
            value = result.get(timeout=again or timeout, propagate=False)
            break
        except celery.exceptions.TimeoutError:
            # After a loss of Redis, Celery looks at what is there and then subscribes anew: of a
            # result in between it hears nothing.
            if time.monotonic() > end:
                raise
    if isinstance(value, BaseException):
        kind = type(value)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        value = [name, str(value)]
    return [result.state, value]


scope = globals()
print(json.dumps({"answer": celery.__version__}), flush=True)
for line in sys.stdin:
    answer = None
    scope["answer"] = None
    try:
        exec(json.loads(line), scope)
        reply = {"answer": scope["answer"]}
    except Exception as error:
        at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)][1]
        name = f"{type(error).__module__}.{type(error).__name__}"
        reply = {"error": f"{name}: {error} (line {at} of what it ran)"}
    print(json.dumps(reply), flush=True)
