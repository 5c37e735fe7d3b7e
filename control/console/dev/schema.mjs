// Makes the client's types from control's OpenAPI file; with `--check`, says whether they are up to date.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { format, resolveConfig } from "prettier";

const SOURCE = new URL("../../openapi.json", import.meta.url);
const TARGET = new URL("../client/src/schema.ts", import.meta.url);

const document = JSON.parse(readFileSync(SOURCE, "utf8"));
// The client names an operation by its path and method, so it needs no second name for it.
for (const path of Object.values(document.paths)) {
  for (const operation of Object.values(path)) delete operation.operationId;
}
const head = "// Made from openapi.json by `npm run generate`. Do not edit.\n\n";
const options = { ...(await resolveConfig(TARGET.pathname)), parser: "typescript" };
const wanted = await format(head + astToString(await openapiTS(document)), options);

if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, wanted);
} else if (readFileSync(TARGET, "utf8") !== wanted) {
  console.error("client/src/schema.ts is not what openapi.json says: run `npm run generate`");
  process.exit(1);
}
