// @vitest-environment node
import { expect, test } from "vitest";
import { nextOf, readCsv } from "./csv.ts";

const FIRST = "https://calls.example/api/calls/export?format=csv";

function server(files: Record<string, [body: string, link?: string]>) {
  const asked: string[] = [];
  const send = ({ url }: Request) => {
    asked.push(url);
    const [body, link] = files[url] ?? [""];
    return Promise.resolve(new Response(body, { headers: link === undefined ? {} : { link } }));
  };
  return { asked, send };
}

test("files that follow one another become one, with one header", async () => {
  const { asked, send } = server({
    [FIRST]: ["id,notes\r\ncall_1,a\r\n", '</api/calls/export?format=csv&cursor=2>; rel="next"'],
    [`${FIRST}&cursor=2`]: ['id,notes\r\ncall_2,"b\r\nc"\r\n'],
  });
  const { blob, isWhole } = await readCsv(FIRST, send);
  expect(await blob.text()).toBe('id,notes\r\ncall_1,a\r\ncall_2,"b\r\nc"\r\n');
  expect(isWhole).toBe(true);
  expect(asked).toEqual([FIRST, `${FIRST}&cursor=2`]);
});

test("an endless list ends, and says that it is not whole", async () => {
  const { asked, send } = server({ [FIRST]: ["id\r\ncall_1\r\n", `<${FIRST}>; rel="next"`] });
  const { isWhole } = await readCsv(FIRST, send);
  expect(isWhole).toBe(false);
  expect(asked).toHaveLength(20);
});

test("a refusal is a problem", async () => {
  const send = () => Promise.resolve(new Response('{"detail":"no"}', { status: 403 }));
  await expect(readCsv(FIRST, send)).rejects.toMatchObject({
    problem: { kind: "forbidden", detail: "no" },
  });
});

test.each([
  [null, null],
  ["", null],
  ['<?cursor=2>; rel="prev"', null],
  ["<?cursor=2>; rel=next", "https://calls.example/api/calls/export?cursor=2"],
  ['<?c=1>; rel="prev", <?c=3>; rel="next"; title="more"', "https://calls.example/api/calls/export?c=3"],
  ['<https://elsewhere.example/x>; rel="next"', null],
  ["<http://[>; rel=next", null],
])("the link %s leads to %s", (link, next) => {
  expect(nextOf(link, FIRST)).toBe(next);
});
