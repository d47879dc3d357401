"""Frames of record.mjs to an animated GIF: `python film.py FOLDER FILE`, with Pillow.

FOLDER has PNG files, named in their order, and times.json: when each was painted, and when it was over, in
seconds. What was painted twice alike is one frame. All frames share their colours, so that none flickers.
"""

import json
import sys
from pathlib import Path

from PIL import Image, ImageChops

COLOURS = 64
SHORTEST = 0.04  # seconds; browsers slow frames down that are shorter than 0.02
LONGEST_FILM = 12.0


def film(folder: Path, out: Path) -> None:
    """Write the film and say how long and how large it is."""
    times = json.loads((folder / "times.json").read_text("utf-8"))
    pictures = [Image.open(file).convert("RGB") for file in sorted(folder.glob("*.png"))]
    frames: list[Image.Image] = []
    starts: list[float] = []
    for picture, start in zip(pictures, times, strict=False):
        if frames and ImageChops.difference(frames[-1], picture).getbbox() is None:
            continue
        if starts and start - starts[-1] < SHORTEST:
            frames[-1] = picture
            continue
        frames.append(picture)
        starts.append(start)
    ends = [*starts[1:], times[-1]]
    seconds = times[-1] - starts[0]
    if seconds > LONGEST_FILM:
        sys.exit(f"the film is {seconds:.1f} s long, more than {LONGEST_FILM:.0f} s: the machine is too busy")
    # One palette for all: that of the frames side by side, a few of them.
    few = frames[:: max(1, len(frames) // 12)]
    sheet = Image.new("RGB", (few[0].width, sum(one.height for one in few)))
    for number, one in enumerate(few):
        sheet.paste(one, (0, number * one.height))
    palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    painted = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    durations = [round((end - start) * 100) * 10 for start, end in zip(starts, ends, strict=True)]
    durations[-1] += 1200  # the end is to be seen before it begins anew
    painted[0].save(
        out, save_all=True, append_images=painted[1:], duration=durations, loop=0, optimize=False, disposal=1
    )
    size = f"{sum(durations) / 1000:.1f} s, {out.stat().st_size / 1000:.0f} kB"
    sys.stdout.write(f"{out}: {len(frames)} frames, {size}\n")


if __name__ == "__main__":
    film(Path(sys.argv[1]), Path(sys.argv[2]))
