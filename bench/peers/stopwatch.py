"""What each contender of Python measures of itself; the same as stopwatch.ts."""

import json
import resource
import statistics
import sys
import time

settings = json.loads(sys.argv[1])


def own_cpu_ms():
    return 1000 * time.process_time()


def own_peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def measure(count_all, after_first=None, cpu_ms=own_cpu_ms, peak_bytes=own_peak_bytes):
    """Prints the figures of `count_all`, which returns the number of objects on each photo."""
    photos = settings["photos"]
    start = time.perf_counter()
    count_all(photos[:1])
    figures = {"firstAtMs": 1000 * time.time()}
    if "redis" not in settings:
        figures["loadAndFirstMs"] = 1000 * (time.perf_counter() - start)
    if after_first is not None:
        after_first()
    if settings["passes"] > 0:
        objects = 0
        single_ms = []
        many = photos * settings["passes"]
        for photo in many:
            start = time.perf_counter()
            objects += count_all([photo])[0] / settings["passes"]
            single_ms.append(1000 * (time.perf_counter() - start))
        count_all(many)  # What several photos at a time still have to set up or to choose.
        cpu_before = cpu_ms()
        start = time.perf_counter()
        count_all(many)
        figures["photoMs"] = 1000 * (time.perf_counter() - start) / len(many)
        figures["photoCpuMs"] = (cpu_ms() - cpu_before) / len(many)
        figures["singleMs"] = statistics.median(single_ms)
        figures["objects"] = round(objects)
    figures["peakBytes"] = peak_bytes()
    print(json.dumps(figures))
