// How much script a browser loads, compressed: all rooms together have to stay within the limit. `npm run size`
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 300_000; // bytes
const folder = new URL('../src/digits/studio/page/assets/', import.meta.url);
let total = 0;
for (const name of readdirSync(folder).filter((each) => each.endsWith('.js'))) {
  const bytes = gzipSync(readFileSync(new URL(name, folder))).length;
  total += bytes;
  console.log(`${(bytes / 1000).toFixed(1).padStart(7)} kB  ${name}`);
}
console.log(`${(total / 1000).toFixed(1).padStart(7)} kB  of ${LIMIT / 1000}`);
process.exit(total > LIMIT ? 1 : 0);
