// Looks at what was built: it is served under a Content-Security-Policy that allows nothing inline.
import { readFileSync, readdirSync, statSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
const faults = [];
if (/<script(?![^>]*\ssrc=)[^>]*>/i.test(html)) faults.push("index.html has an inline script");
if (/<style|\sstyle=|\son\w+=/i.test(html)) faults.push("index.html has an inline style or handler");
let bytes = 0;
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const file = new URL(name.replaceAll("\\", "/"), dist);
  if (!statSync(file).isFile()) continue;
  bytes += statSync(file).size;
  if (!/\.(js|css|html)$/.test(file.pathname)) continue;
  const text = readFileSync(file, "utf8");
  if (/url\(\s*["']?data:/.test(text)) faults.push(`${name} has a data: URL`);
  if (/\beval\(|new Function\(/.test(text)) faults.push(`${name} makes code from text`);
  if (/https?:\/\/(?!www\.w3\.org|tanstack\.com|react\.dev|localhost)[a-z0-9.-]+\.[a-z]{2,}\//.test(text)) {
    faults.push(`${name} names a foreign host`);
  }
}
for (const fault of faults) console.error(`not fit to serve: ${fault}`);
console.log(`dist: ${Math.round(bytes / 1024)} kB`);
process.exit(faults.length === 0 ? 0 : 1);
