/** Makes one act of many calls: it happens `ms` after the first of them. */
export function gather(act: () => void, ms: number): { soon: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = () => {
    timer = undefined;
    act();
  };
  return {
    soon: () => {
      timer ??= setTimeout(now, ms);
    },
    stop: () => clearTimeout(timer),
  };
}
