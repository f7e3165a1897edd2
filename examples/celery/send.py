"""Sends five photos to the queue and prints their counts. Whose worker counts them, it cannot see."""
from pathlib import Path

from tasks import count

photos = sorted(Path(__file__).resolve().parent.parent.joinpath("photos").glob("tray-*.jpg"))
sent = [(photo.name, count.delay(str(photo))) for photo in photos]
for name, result in sent:
    counts = result.get(timeout=120)
    print(f"{name}: {counts['plants']} plants, beds: {counts['beds']}")
