"""Prints who felt what when in a recording: python analyze_file.py talk.wav"""

import asyncio
import sys

import streamer


async def main(path: str) -> None:
    """Print every turn as soon as it is judged, and again when later turns change that."""
    async for event in streamer.analyze(path):
        if isinstance(event, streamer.TurnFinal | streamer.TurnRevised):
            print(f"{event.start_s:7.1f}  {event.emotion:<10} {event.confidence:4.0%}  {event.text}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except (streamer.InputError, streamer.RunError) as error:
        sys.exit(str(error))
