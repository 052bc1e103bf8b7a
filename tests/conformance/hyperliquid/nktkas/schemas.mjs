// node schemas.mjs OUT: JSON schemas of all responses, made from the types that the package ships,
// in the way of its own tests: {"info.clearinghouseState": schema, ...}.
import fs from "node:fs";
import path from "node:path";
import { createGenerator } from "ts-json-schema-generator";
import ts from "typescript";

const ROOT = path.resolve("node_modules/@nktkas/hyperliquid/esm/api");
const ENDINGS = { info: "Response", exchange: "Response", subscription: "Event" };
const SUFFIX = ".d.ts";

/** One kind at a time: a response of one kind may have the name of another's. */
function schemasOf(kind) {
  const folder = path.join(ROOT, kind, "_methods");
  const names = fs.readdirSync(folder).filter((file) => file.endsWith(SUFFIX) && !file.startsWith("_")).sort();
  const tsProgram = ts.createProgram(names.map((name) => path.join(folder, name)), {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  });
  const generator = createGenerator({
    skipTypeCheck: true,
    jsDoc: "extended",
    sortProps: false,
    strictTuples: true,
    additionalProperties: false,
    topRef: true,
    expose: "all",
    tsProgram,
  });
  return names.map((file) => {
    const name = file.slice(0, -SUFFIX.length);
    const type = name[0].toUpperCase() + name.slice(1) + ENDINGS[kind];
    return [`${kind}.${name}`, generator.createSchema(type)];
  });
}

const all = Object.keys(ENDINGS).flatMap(schemasOf);
fs.writeFileSync(process.argv[2], JSON.stringify(Object.fromEntries(all)));
