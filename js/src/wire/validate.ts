/**
 * An interpreter of the JSON Schema subset that `dispatch_nb.wire.schema` writes.
 *
 * Values come back rebuilt: only the known fields, every lone surrogate as U+FFFD.
 */

import { UnknownVariantError, WireError } from "./errors";
import schema from "./schema.json";

interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly discriminator?: {
    readonly propertyName: string;
    readonly mapping: Readonly<Record<string, string>>;
  };
}

/** Levels of lists and objects in free JSON, as in Python. */
const MAX_JSON_DEPTH = 200;

export type DefinitionName = keyof typeof schema.$defs;

const definitions: Readonly<Record<string, Schema>> = schema.$defs as Record<string, Schema>;

/** What is wrong with a value, and where in it; the path is filled in on the way out. */
class Problem extends Error {
  readonly path: (string | number)[] = [];

  constructor(
    readonly reason: string,
    readonly isUnknownVariant = false,
  ) {
    super(reason);
  }
}

/** Return `value` as the named definition describes it; throws a WireError naming the field. */
export function validate(name: DefinitionName, value: unknown): unknown {
  try {
    return read(definition(`#/$defs/${name}`), value);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const where = problem.path.length > 0 ? `${name}: field '${problem.path.join(".")}'` : name;
    const Kind = problem.isUnknownVariant ? UnknownVariantError : WireError;
    throw new Kind(`${where} ${problem.reason}.`);
  }
}

function definition(reference: string): Schema {
  const found = definitions[reference.slice("#/$defs/".length)];
  if (found === undefined) throw new TypeError(`The schema has no ${reference}.`);
  return found;
}

function read(described: Schema, value: unknown): unknown {
  if (described.$ref !== undefined) return read(definition(described.$ref), value);
  if (described.discriminator !== undefined) return readVariant(described.discriminator, value);
  if (described.anyOf !== undefined) return readOptional(described.anyOf, value);
  if ("const" in described) return readOneOf([described.const], value);
  if (described.enum !== undefined) return readOneOf(described.enum, value);
  switch (described.type) {
    case "object":
      return readObject(described, value);
    case "array":
      if (!Array.isArray(value)) throw expected("a list", value);
      return value.map((item, index) => at(index, () => read(described.items ?? {}, item)));
    case "string":
      if (typeof value !== "string") throw expected("text", value);
      return mendSurrogates(value);
    case "integer":
      if (!Number.isInteger(value)) throw expected("a whole number", value);
      return value;
    case "number":
      if (!Number.isFinite(value)) throw expected("a finite number", value);
      return value;
    case "boolean":
      if (typeof value !== "boolean") throw expected("true or false", value);
      return value;
    case "null":
      if (value !== null) throw expected("null", value);
      return value;
    case undefined:
      if (isDeeper(value, MAX_JSON_DEPTH)) {
        throw new Problem(`must not be nested deeper than ${MAX_JSON_DEPTH} levels`);
      }
      return readJson(value);
  }
}

function readObject({ properties = {}, required = [] }: Schema, value: unknown): unknown {
  if (!isObject(value)) throw expected("an object", value);
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given !== undefined) {
      result[name] = at(name, () => read(properties[name] ?? {}, given));
    } else if (required.includes(name)) {
      at(name, () => {
        throw new Problem("is missing");
      });
    }
  }
  return result;
}

function readVariant(
  { propertyName, mapping }: NonNullable<Schema["discriminator"]>,
  value: unknown,
): unknown {
  if (!isObject(value)) throw expected("an object", value);
  const tag = Object.hasOwn(value, propertyName) ? value[propertyName] : undefined;
  if (tag === undefined) throw new Problem(`has no ${propertyName}`);
  const reference =
    typeof tag === "string" && Object.hasOwn(mapping, tag) ? mapping[tag] : undefined;
  if (reference === undefined) {
    throw new Problem(`has an unknown ${propertyName}, ${shown(tag)}`, true);
  }
  return read(definition(reference), value);
}

function readOptional(choices: readonly Schema[], value: unknown): unknown {
  if (value === null && choices.some((choice) => choice.type === "null")) return null;
  const only = choices.find((choice) => choice.type !== "null");
  return read(only ?? {}, value);
}

function readOneOf(allowed: readonly unknown[], value: unknown): unknown {
  if (!allowed.includes(value)) throw expected(allowed.map(shown).join(" or "), value);
  return value;
}

function readJson(value: unknown): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return mendSurrogates(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Problem("must not contain NaN or Infinity");
    return value;
  }
  if (Array.isArray(value)) return value.map((item, index) => at(index, () => readJson(item)));
  if (isObject(value)) {
    // Unlike assignment, fromEntries makes a key named __proto__ an ordinary one.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        mendSurrogates(key),
        at(key, () => readJson(item)),
      ]),
    );
  }
  throw new Problem(`must be JSON, not ${shown(value)}`);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}

function at<T>(key: string | number, inner: () => T): T {
  try {
    return inner();
  } catch (problem) {
    if (problem instanceof Problem) problem.path.unshift(key);
    throw problem;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return `text` with every lone surrogate replaced by U+FFFD. */
export function mendSurrogates(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

function expected(what: string, value: unknown): Problem {
  return new Problem(`must be ${what}, not ${shown(value)}`);
}

function shown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return value.length <= 40 ? JSON.stringify(value) : "text";
    case "object":
      return "an object";
    case "number":
    case "boolean":
      return String(value);
    default:
      return `a JavaScript ${typeof value}`;
  }
}
