"""The measure of a flood: zeroconf's own browser, which does nothing with what it finds. Runs until it is killed."""

import asyncio
import sys

from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf


async def main(service: str) -> None:
    """Prints a line when it is ready."""
    async with AsyncZeroconf() as zeroconf:
        AsyncServiceBrowser(zeroconf.zeroconf, f"{service}.", handlers=[lambda **_: None])
        print("ready", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
