"""What programs do with Celery's canvas, as named scenarios; prints what each comes to, as JSON.

The same program speaks with workers of Python and with ours, so that Celery itself says what is
right. The scenarios are those of Celery's own integration tests that need no worker of Python.
"""

import json
import re
import signal
import sys
import time
from datetime import datetime, timedelta, timezone
from uuid import uuid4

from celery import chain, chord, group, signature
from celery.canvas import StampingVisitor
from celery.result import AsyncResult, GroupResult

from canvas_tasks import add, app, fail, failed, guarded, identity, note, queue, tsum, wait

timeout = 8
scenarios = {}


def scenario(run):
    scenarios[run.__name__] = run
    return run


def got(signature_or_result, **options):
    """What a canvas comes to: a value, or a class of exceptions and its text without ids."""
    result = signature_or_result
    if hasattr(result, "apply_async"):
        result = result.apply_async(**options)
    try:
        if isinstance(result, GroupResult):
            return result.get(timeout=timeout)
        # `get` may raise what a parent has raised before the result itself is there.
        until(result.ready)
        value = result.result
    except Exception as error:
        value = error
    if isinstance(value, BaseException):
        return [type(value).__name__, without_ids(str(value))]
    return value


def until(is_so):
    end = time.monotonic() + timeout
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("it was not so in time")
        time.sleep(0.01)


def without_ids(text):
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)


def new_key():
    return f"{queue}:{uuid4()}"


def noted(key, count):
    """What tasks have noted, once there is as much as is expected, and a moment later."""
    client = app.backend.client
    end = time.monotonic() + timeout
    while client.llen(key) < count and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    return sorted(item.decode() for item in client.lrange(key, 0, -1))


def shape(result):
    """The tree of a result, without ids."""
    if isinstance(result, GroupResult):
        return {"group": [shape(child) for child in result.results]}
    return {"task": [shape(child) for child in result.children or []]}


# Single tasks


@scenario
def results_of_json():
    values = [None, True, 0, -1.5, "ä ✓", [], {"a": [1, {"b": None}]}, "x" * 100_000]
    return [got(identity.s(value)) for value in values] == values


@scenario
def arguments_and_keywords():
    return [got(add.s(1, 2)), got(add.s(1, y=2)), got(add.s(x=1, y=2, z=3)), got(add.s(1, 2, 3))]


@scenario
def failure():
    result = fail.apply_async()
    return [got(result), result.state, result.failed(), result.ready()]


@scenario
def wrong_arguments():
    return [got(add.s(1, 2, 3, 4))[0], got(add.s(1, 2, w=3))[0]]


@scenario
def a_thousand_at_once():
    return got(group(identity.s(i) for i in range(1000))) == list(range(1000))


@scenario
def countdown_and_eta():
    start = time.monotonic()
    eta = datetime.now(timezone.utc) + timedelta(seconds=0.5)
    results = [add.apply_async((1, 2), countdown=0.5), add.apply_async((3, 4), eta=eta)]
    return [*map(got, results), time.monotonic() - start >= 0.5]


@scenario
def expires():
    late = add.apply_async((1, 2), expires=datetime.now(timezone.utc) - timedelta(minutes=1))
    early = add.apply_async((1, 2), expires=60)
    return [got(late), late.state, got(early)]


@scenario
def revoked_before_it_begins():
    result = add.apply_async((1, 2), countdown=3)
    result.revoke()
    return [got(result), result.state]


@scenario
def soft_time_limit_that_the_task_minds():
    return got(guarded.s(3).set(soft_time_limit=0.5))


@scenario
def soft_time_limit_that_it_does_not():
    return got(wait.s(3).set(soft_time_limit=0.5))[0]


@scenario
def ignored_result():
    result = add.apply_async((1, 2), ignore_result=True)
    time.sleep(0.5)
    return app.backend.client.exists(f"celery-task-meta-{result.id}")


@scenario
def forgotten_result():
    result = add.apply_async((1, 2))
    value = got(result)
    result.forget()
    return [value, AsyncResult(result.id).state]


@scenario
def own_task_id():
    task_id = str(uuid4())
    result = add.apply_async((1, 2), task_id=task_id)
    return [got(result), result.id == task_id]


@scenario
def compressed():
    return got(identity.s("x" * 10_000), compression="gzip") == "x" * 10_000


@scenario
def meta_that_is_stored():
    result = add.apply_async((1, 2))
    got(result)
    meta = json.loads(app.backend.client.get(f"celery-task-meta-{result.id}"))
    return {**meta, "task_id": meta["task_id"] == result.id, "date_done": "T" in meta["date_done"]}


# Callbacks


@scenario
def callback():
    key = new_key()
    return [got(add.s(1, 2), link=note.s(key)), noted(key, 1)]


@scenario
def callbacks_of_chains():
    key = new_key()
    links = [note.s(key), add.s(10) | note.s(key), group(note.s(key), note.s(key))]
    return [got(add.s(1, 2), link=links), noted(key, 4)]


@scenario
def errback():
    key = new_key()
    return [got(fail.s(), link_error=note.si("failed", key)), noted(key, 1)]


@scenario
def errback_with_the_id():
    result = fail.apply_async(link_error=failed.s())
    return [got(result), noted(f"{queue}:failed", 1) == [result.id]]


@scenario
def errbacks_of_a_group():
    key = new_key()
    tasks = group([*(identity.si(1) for _ in range(5)), *(fail.si() for _ in range(7))])
    tasks.link_error(note.si("failed", key))
    return [got(tasks), noted(key, 7)]


@scenario
def callbacks_of_the_tasks_of_a_group():
    key = new_key()
    task = identity.si(1)
    task.link(note.si("done", key))
    return [got(group(task for _ in range(9))), noted(key, 9)]


@scenario
def callback_of_a_group():
    key = new_key()
    tasks = group(identity.si(1), identity.si(2))
    tasks.link(note.si("done", key))
    return [got(tasks), noted(key, 1)]


# Chains


@scenario
def chain_of_tasks():
    return got(add.s(4, 4) | add.s(8) | add.s(16))


@scenario
def chain_of_one():
    return [got(chain(add.s(3, 4))), got(chain([chain(identity.s(42))]))]


@scenario
def chain_in_a_chain():
    return [
        got(add.s(2, 2) | (add.s(4) | add.s(8) | add.s(16)) | add.s(32)),
        got(chain(chain(identity.s(), identity.s())), args=(1,)),
    ]


@scenario
def chain_with_immutable_steps():
    return got(add.s(1, 1) | add.si(5, 5) | add.s(1))


@scenario
def chain_that_fails():
    key = new_key()
    steps = chain(add.s(1, 2), fail.s(), add.s(3), note.s(key))
    result = steps.on_error(note.si("failed", key)).apply_async()
    results = [result, result.parent, result.parent.parent]
    return [[got(each) for each in results], [each.state for each in results], noted(key, 1)]


@scenario
def chain_of_fifty():
    return got(chain(identity.s(0), *(add.s(1) for _ in range(50))))


@scenario
def parents_and_children():
    result = chain(identity.s(1), identity.s(), identity.s()).apply_async()
    got(result)
    root = result.parent.parent
    for each in (root, result.parent):
        got(each)
    metas = [app.backend.get_task_meta(r.id) for r in (root, result.parent, result)]
    parents = [meta.get("parent_id") for meta in metas]
    return [parents == [None, root.id, result.parent.id], shape(root)]


@scenario
def chain_into_a_group():
    return [
        got(add.s(2, 2) | (add.s(4) | add.s(8)) | group(add.s(i) for i in range(4))),
        got(add.s(5, 6) | group(add.s(1) | add.s(2), add.s(3))),
        got(group(add.s(1, 2) | group(add.s(1), add.s(2)))),
    ]


@scenario
def chain_with_a_group_within():
    return [
        got(chain(add.si(1, 0), group(add.s(1), add.s(1)), group(tsum.s(), tsum.s()), tsum.s())),
        got(group(identity.si(1), chain(identity.si(2), group(identity.si(3), identity.si(4))))),
    ]


@scenario
def chain_with_empty_groups():
    return got(chain(group(add.s(2, 2), add.s(4, 4)), group(), group()))


@scenario
def chain_with_priorities():
    return got(add.s(1, 1).set(priority=3) | add.s(1).set(priority=9))


@scenario
def chain_with_a_countdown():
    start = time.monotonic()
    value = got(add.s(1, 1) | add.s(1).set(countdown=0.5))
    return [value, time.monotonic() - start >= 0.5]


# Groups


@scenario
def groups_in_groups():
    inner = group(add.si(1, 1000), add.si(1, 2000))
    return got(group(add.si(1, 10), group(add.si(1, 100), inner)))


@scenario
def group_with_a_failure():
    result = group(add.s(1, 2), fail.s()).apply_async()
    value = got(result)
    return [value, result.ready(), result.failed(), result.completed_count()]


@scenario
def saved_group():
    result = group(add.s(1, 2), add.s(3, 4)).apply_async()
    result.save()
    return [got(result), got(GroupResult.restore(result.id))]


@scenario
def empty_group():
    return got(group([]))


# Chords


@scenario
def chord_of_tasks():
    return [
        got(chord([add.s(1, 1), add.s(2, 2)], tsum.s())),
        got(group(add.s(i, i) for i in range(10)) | tsum.s()),
        got(chord([add.s(2, 5)], identity.s())),
    ]


@scenario
def chord_in_order():
    header = [wait.si(0.2), wait.si(0.1), wait.si(0)]
    return got(chord(header, identity.s()))


@scenario
def chord_with_an_empty_header():
    return [got(chord([], identity.s())), got(group([]) | tsum.s())]


@scenario
def chord_with_a_large_header():
    return [
        got(group(identity.si(i) for i in range(1000)) | tsum.s()),
        got(identity.si(1) | group(identity.s() for _ in range(300)) | tsum.s()),
    ]


@scenario
def chord_with_chains_in_its_header():
    steps = chain(identity.si(1), add.s(1), add.s(1))
    return got(chord([steps, steps, add.si(5, 5)], identity.s()))


@scenario
def chord_with_a_chain_as_its_body():
    return [
        got(chord([add.si(1, 1), add.si(2, 2)], chain(tsum.s(), add.s(1), add.s(1)))),
        got(group(chord(identity.si(42), chain((identity.s(),))))),
    ]


@scenario
def chord_with_a_group_as_its_body():
    return got(chord([add.si(1, 1), add.si(2, 2)], group(tsum.s(), identity.s())))


@scenario
def chords_in_a_chain():
    step = chord(group(add.s(1), add.s(1)), tsum.s())
    first = chord(group(add.si(1, 0), add.si(1, 0)), tsum.s())
    return [got(chain(first, step, step)), got(chain(first, step) | chain(step, step))]


@scenario
def chords_that_chains_imply():
    steps = [add.si(1, 0)]
    for _ in range(5):
        steps += [group(add.s(1), add.s(2)), tsum.s()]
    return got(chain(*steps))


@scenario
def chord_whose_body_has_chords():
    steps = [tsum.s()]
    for _ in range(5):
        steps += [group(add.s(1), add.s(2)), tsum.s()]
    return got(chord([add.si(1, 1), add.si(2, 2)], chain(*steps)))


@scenario
def chords_side_by_side():
    one = chord([add.s(1, 2), add.s(3, 4)], tsum.s())
    return got(group(one, one))


@scenario
def chord_in_a_header():
    return [
        got(chord([chord([add.s(1, 2), add.s(3, 4)], tsum.s()), add.s(1, 1)], tsum.s())),
        got(chord([identity.si(1), group(identity.si(2), identity.si(3))], identity.s())),
    ]


@scenario
def chord_with_everything_in_its_header():
    many = (identity.si(42),) * 7
    header = (identity.si(42), chain(many), group(many), chord(many, identity.si(1337)))
    return got(group((chord(header, identity.s()),)))


@scenario
def chord_with_chords_in_chains_in_its_header():
    step = chain(add.si(1, 2), chord(group([add.si(1, 2), add.si(1, 2)]), add.si(1, 2)))
    return [
        got(chord(group([step, step]), add.si(2, 2))),
        got(chain(identity.si(1), chord([identity.si(2), step], identity.si(7)))),
    ]


@scenario
def chord_with_a_group_after_a_chain_in_its_header():
    steps = chain(identity.s(42), group(identity.s(), identity.s()))
    return got(chord(group(steps), identity.s()))


@scenario
def chord_with_a_group_in_the_header_of_a_chain():
    inner = chain(add.si(1, 200), group(add.si(1, 1000), add.si(1, 2000)))
    return got(chain(add.si(1, 0), group(add.si(1, 100), inner), add.si(1, 10)))


@scenario
def chord_that_fails():
    result = chord([add.s(1, 2), fail.s()], tsum.s()).apply_async()
    return [got(result), result.state]


@scenario
def chord_whose_body_fails():
    return got(chord([identity.si(42)], fail.s()))


@scenario
def chord_that_fails_in_a_chain_of_its_header():
    return [
        got(chord([chain(identity.si(1), fail.s(), identity.s())], identity.s())),
        got(chord([chain(identity.si(1), fail.s())], identity.s())),
    ]


@scenario
def chords_after_one_that_fails():
    inner = chain(chord([add.s(1, 1), fail.s()], tsum.s()), chord([add.s(1)], tsum.s()))
    result = group(inner, add.s(1, 1)).apply_async()
    return [got(result), result.results[0].state]


@scenario
def errback_of_a_chord():
    key = new_key()
    body = tsum.s().on_error(note.si("failed", key))
    return [got(chord([add.s(1, 2), fail.s()], body)), noted(key, 1)]


@scenario
def errback_of_the_header_of_a_chord():
    key = new_key()
    failing = fail.s()
    failing.link_error(note.si("header", key))
    return [got(chord([add.s(1, 2), failing], tsum.s())), noted(key, 1)]


@scenario
def errbacks_of_a_group_as_the_body_of_a_chord():
    key = new_key()
    first = tsum.s()
    first.link_error(note.si("own", key))
    result = chord([add.si(1, 1), fail.si()], group(first, tsum.s())).apply_async()
    return [got(result)[0], noted(key, 1)]


@scenario
def callback_of_a_chord():
    key = new_key()
    body = tsum.s()
    body.link(note.s(key))
    return [got(chord([add.si(1, 1), add.si(2, 2)], body)), noted(key, 1)]


@scenario
def canvas_that_was_written_as_json():
    canvas = chain(add.si(1, 1), group(add.s(1), add.s(2)), tsum.s(), add.s(1))
    return got(signature(json.loads(json.dumps(canvas)), app=app))


# Stamps


class Stamp(StampingVisitor):
    def on_signature(self, sig, **headers):
        return {"where": "here", "stamped_headers": ["where"]}


@scenario
def stamped_canvas():
    app.conf.result_extended = True
    canvas = chain(identity.s(1), group(add.s(1), add.s(2)), tsum.s())
    canvas.stamp(visitor=Stamp())
    value = got(canvas)
    app.conf.result_extended = False
    return value


def give_up(*_):
    raise TimeoutError("it did not end")


signal.signal(signal.SIGALRM, give_up)
for name in sys.argv[1:] or list(scenarios):
    # Some versions of Celery wait for ever where they find no end.
    signal.alarm(2 * timeout)
    start = time.monotonic()
    try:
        value = scenarios[name]()
    except Exception as error:
        value = [type(error).__name__, without_ids(str(error))]
    signal.alarm(0)
    seconds = round(time.monotonic() - start, 2)
    print(json.dumps({"name": name, "value": value, "seconds": seconds}), flush=True)
