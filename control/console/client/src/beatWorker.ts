/** Runs in a worker: says something every so many ms as it was told to. */

addEventListener("message", ({ data }: MessageEvent<unknown>) => {
  if (typeof data === "number") setInterval(() => postMessage(null), data);
});
