"""A bot that says what it hears: FastRTC's own handler of Twilio's Media Streams, with nothing of ours between.

`python fastrtc_echo.py 8090` serves it at ws://127.0.0.1:8090/telephone/handler.
"""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from fastrtc import AsyncStreamHandler, Stream

RATE = 8000


class Echo(AsyncStreamHandler):
    def __init__(self) -> None:
        super().__init__("mono", output_sample_rate=RATE, input_sample_rate=RATE)
        self.heard: asyncio.Queue = asyncio.Queue()

    def copy(self) -> "Echo":
        return Echo()

    async def start_up(self) -> None:
        pass

    async def receive(self, frame) -> None:
        self.heard.put_nowait(frame)

    async def emit(self):
        return await self.heard.get()

    async def shutdown(self) -> None:
        pass


app = FastAPI()
Stream(handler=Echo(), modality="audio", mode="send-receive").mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
