// Write src/wire/schema.json and src/wire/types.ts from the pydantic models.
// `node generate-types.mjs --check` writes nothing and fails when either is out of date.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..");
const wire = join(here, "src", "wire");

function python() {
  const places = [
    [".venv", "bin", "python"],
    [".venv", "Scripts", "python.exe"],
  ];
  return places.map((place) => join(root, ...place)).find(existsSync) ?? "python3";
}

function readSchema() {
  const argv = ["-X", "utf8", "-m", "dispatch_nb.wire.schema"];
  return JSON.parse(execFileSync(python(), argv, { cwd: root, encoding: "utf8" }));
}

const nameOf = (reference) => reference.slice("#/$defs/".length);

function typeOf(schema) {
  if (schema.$ref) return nameOf(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map(typeOf).join(" | ");
  switch (schema.type) {
    case "array":
      return `readonly ${inBrackets(typeOf(schema.items))}[]`;
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case undefined:
      if (Object.keys(schema).length === 0) return "Json";
  }
  throw new Error(`No TypeScript type is known for the schema ${JSON.stringify(schema)}.`);
}

function inBrackets(type) {
  return type.includes(" | ") ? `(${type})` : type;
}

function fieldsOf({ properties, required = [] }) {
  return Object.entries(properties).map(([name, field]) => {
    const mark = required.includes(name) ? "" : "?";
    return `  readonly ${name}${mark}: ${typeOf(field)};\n`;
  });
}

function comment(text) {
  if (!text) return "";
  const lines = text.split("\n").map((line) => (line ? ` * ${line}` : " *"));
  return lines.length === 1 ? `/** ${text} */\n` : `/**\n${lines.join("\n")}\n */\n`;
}

function onLines(type) {
  return type.length > 80 ? `\n  | ${type.replaceAll(" | ", "\n  | ")}` : ` ${type}`;
}

function declaration([name, schema]) {
  const body =
    schema.type === "object"
      ? `interface ${name} {\n${fieldsOf(schema).join("")}}`
      : `type ${name} =${onLines(typeOf(schema))};`;
  return `${comment(schema.description)}export ${body}\n`;
}

function typesOf(schema) {
  const head = `// Generated from the pydantic models in dispatch_nb/wire by \`npm run types\`.

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
`;
  return [head, ...Object.entries(schema.$defs).map(declaration)].join("\n");
}

function withoutDescriptions(schema) {
  const bare = Object.entries(schema.$defs).map(([name, { description, ...rest }]) => [name, rest]);
  return { ...schema, $defs: Object.fromEntries(bare) };
}

const schema = readSchema();
const outputs = {
  "schema.json": `${JSON.stringify(withoutDescriptions(schema), null, 2)}\n`,
  "types.ts": typesOf(schema),
};
const check = process.argv.includes("--check");
const stale = [];
for (const [name, wanted] of Object.entries(outputs)) {
  const path = join(wire, name);
  const current = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (current === wanted) continue;
  stale.push(`src/wire/${name}`);
  if (!check) writeFileSync(path, wanted);
}
if (check && stale.length > 0) {
  console.error(
    `Out of step with dispatch_nb/wire: ${stale.join(", ")}. ` +
      "Run `npm run types` in js/ and commit the result.",
  );
  process.exit(1);
}
